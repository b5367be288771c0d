/// RFC 7296 §3.6.
public struct CertificateEncoding: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let pkcs7 = Self(rawValue: 1)
    public static let x509Signature = Self(rawValue: 4)
    public static let crl = Self(rawValue: 7)
    public static let hashAndURL = Self(rawValue: 12)
    public static let hashAndURLOfBundle = Self(rawValue: 13)
    public static let ocspContent = Self(rawValue: 14)
    public static let rawPublicKey = Self(rawValue: 15)

    public static let names: [CertificateEncoding: String] = [
        .pkcs7: "PKCS #7 wrapped X.509 certificate",
        .x509Signature: "X.509 Certificate - Signature",
        .crl: "Certificate Revocation List (CRL)",
        .hashAndURL: "Hash and URL of X.509 certificate",
        .hashAndURLOfBundle: "Hash and URL of X.509 bundle",
        .ocspContent: "OCSP Content",
        .rawPublicKey: "Raw Public Key",
    ]
}
