"""Judges a document by libraries that zosc has nothing to do with: judge_documents.py FORM FILE."""

import json
import sys


def cyclonedx(path, text):
    from cyclonedx.model.bom import Bom
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    # Reading checks what a schema cannot: references, UUIDs, package URLs.
    bom = Bom.from_json(json.loads(text))
    bom.validate()
    return [str(fault)] if fault else []


def spdx(path, text):
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    return [str(fault.validation_message) for fault in validate_full_spdx_document(parse_file(path), "SPDX-2.3")]


def main():
    form, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # spdx-tools tells the form by the file's name.
    faults = {"cyclonedx": cyclonedx, "spdx": spdx}[form](path, text)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
