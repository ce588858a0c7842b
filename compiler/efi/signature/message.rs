//! The signed message: PKCS#7 over the digest of a program.

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Null, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence};
use schemars::JsonSchema;
use serde::Serialize;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::Certificate;
use crate::tree::Digest;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// `SPC_INDIRECT_DATA_OBJID`.
const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// `SpcAttributeTypeAndOptionalValue` of every PE file: `SPC_PE_IMAGE_DATAOBJ` with no flags and a link to `<<<Obsolete>>>`.
const PE_IMAGE: &[u8] = b"\x30\x33\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f\x30\x25\x03\x01\x00\xa0\x20\xa2\x1e\x80\x1c\
    \0<\0<\0<\0O\0b\0s\0o\0l\0e\0t\0e\0>\0>\0>";

/// `SpcIndirectDataContent`.
#[derive(Sequence)]
struct IndirectData {
    data: Any,
    digest: DigestInfo,
}

#[derive(Sequence)]
struct DigestInfo {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

/// One signature of a program, in facts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct SignatureFacts {
    /// Whom the certificate names that it was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who issued that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The digest of the program that was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether the program still has that digest.
    pub digest_matches: bool,
    /// Whether the signature is by the certificate's key. Whether a machine trusts that certificate is for its firmware to say.
    pub valid: bool,
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: Some(Null.into()),
    }
}

/// What is signed of a program, as the value of a sequence, without its tag and length: that is what signatures hash.
pub(super) fn content(digest: &Digest) -> Vec<u8> {
    let info = DigestInfo {
        algorithm: algorithm(SHA256),
        digest: OctetString::new(digest.as_bytes().to_vec()).expect("32 bytes are short enough"),
    };
    let mut value = PE_IMAGE.to_vec();
    value.extend(info.to_der().expect("a digest can be encoded"));
    value
}

/// The set that a signature is over, and that it carries: of what kind the content is, and its digest. No time.
fn attribute_set(content: &[u8]) -> der::Result<Attributes> {
    let attribute = |oid, value: Any| -> der::Result<Attribute> {
        Ok(Attribute {
            oid,
            values: SetOfVec::try_from(vec![value])?,
        })
    };
    let digest = OctetString::new(Digest::of(content).as_bytes().to_vec())?;
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&INDIRECT_DATA)?)?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&digest)?)?,
    ])
}

/// The bytes that a key signs.
pub(super) fn attributes(content: &[u8]) -> der::Result<Vec<u8>> {
    attribute_set(content)?.to_der()
}

/// The whole message, around a signature over [`attributes`].
pub(super) fn signed(
    certificate: &Certificate,
    content: &[u8],
    signature: Vec<u8>,
) -> der::Result<Vec<u8>> {
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(certificate.name()),
        digest_alg: algorithm(SHA256),
        signed_attrs: Some(attribute_set(content)?),
        signature_algorithm: algorithm(RSA),
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let choice = CertificateChoices::Certificate(certificate.x509.clone());
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![algorithm(SHA256)])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: INDIRECT_DATA,
            econtent: Some(Any::new(der::Tag::Sequence, content)?),
        },
        certificates: Some(CertificateSet(SetOfVec::try_from(vec![choice])?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
    };
    ContentInfo {
        content_type: SIGNED_DATA,
        content: Any::encode_from(&data)?,
    }
    .to_der()
}

/// What a message says, for a program with this digest. One that cannot be read says nothing and matches nothing.
pub(super) fn facts(message: &[u8], program: &Digest) -> SignatureFacts {
    let mut facts = SignatureFacts {
        subject: None,
        issuer: None,
        digest: None,
        digest_matches: false,
        valid: false,
    };
    // Padding up to the next entry may be counted in.
    let Ok((data, _)) = ContentInfo::from_der_partial(message)
        .and_then(|(info, rest)| Ok((info.content.decode_as::<SignedData>()?, rest)))
    else {
        return facts;
    };
    let Some(content) = data.encap_content_info.econtent else {
        return facts;
    };
    if let Ok(indirect) = content.decode_as::<IndirectData>() {
        let digest = <[u8; 32]>::try_from(indirect.digest.digest.as_bytes()).ok();
        facts.digest = digest.map(Digest::from_bytes);
        facts.digest_matches = indirect.digest.algorithm.oid == SHA256
            && indirect.data.to_der().is_ok()
            && facts.digest == Some(*program);
    }
    let Some(signer) = data.signer_infos.0.iter().next() else {
        return facts;
    };
    let certificates = data
        .certificates
        .into_iter()
        .flat_map(|set| set.0.into_vec());
    let mut certificates = certificates.filter_map(|choice| match choice {
        CertificateChoices::Certificate(x509) => Certificate::of(x509),
        CertificateChoices::Other(_) => None,
    });
    let by = certificates.find(|certificate| {
        SignerIdentifier::IssuerAndSerialNumber(certificate.name()) == signer.sid
    });
    if let Some(certificate) = by {
        facts.valid = is_by(&certificate, signer, content.value());
        facts.subject = Some(certificate.subject());
        facts.issuer = Some(certificate.issuer());
    }
    facts
}

/// Whether a signer's attributes are about this content, and signed by this certificate's key.
fn is_by(certificate: &Certificate, signer: &SignerInfo, content: &[u8]) -> bool {
    let Some(attributes) = &signer.signed_attrs else {
        return certificate.verifies(content, signer.signature.as_bytes());
    };
    let digest = attributes
        .iter()
        .find(|attribute| attribute.oid == MESSAGE_DIGEST)
        .and_then(|attribute| attribute.values.iter().next())
        .and_then(|value| value.decode_as::<OctetString>().ok());
    let is_about = digest.is_some_and(|digest| digest.as_bytes() == Digest::of(content).as_bytes());
    let signed = attributes.to_der().unwrap_or_default();
    is_about && certificate.verifies(&signed, signer.signature.as_bytes())
}
