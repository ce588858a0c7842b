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


def provenance(path, text):
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import resource_descriptor, statement_pb2
    from in_toto_attestation.v1 import statement as statements

    statement = json_format.Parse(text, statement_pb2.Statement())
    statements.Statement.copy_from_pb(statement).validate()
    predicate = json_format.ParseDict(json.loads(text)["predicate"], provenance_pb2.Provenance())
    definition = predicate.build_definition
    for found in definition.resolved_dependencies:
        resource_descriptor.ResourceDescriptor.copy_from_pb(found).validate()
    required = [definition.build_type, definition.external_parameters.fields, predicate.run_details.builder.id]
    return [] if all(required) else [f"something is missing: {required}"]


def main():
    form, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # spdx-tools tells the form by the file's name.
    faults = {"cyclonedx": cyclonedx, "spdx": spdx, "provenance": provenance}[form](path, text)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
