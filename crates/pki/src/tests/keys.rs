use access::ambient::SeededEntropy;

use crate::pem::PemError;
use crate::tests::tools::Bench;
use crate::tests::world::key;
use crate::{Algorithm, KeyError, KeyPair, PublicKey};

const ALL: [Algorithm; 3] = [Algorithm::P256, Algorithm::Ed25519, Algorithm::Rsa];

#[test]
fn keys_come_back_from_every_form_they_are_written_in() {
    for algorithm in ALL {
        let made = key(algorithm);
        let public = made.public();
        for pem in [made.to_pem().unwrap(), made.to_openssh_pem().unwrap()] {
            assert_eq!(KeyPair::from_pem(pem.expose()).unwrap().public(), public);
        }
        assert_eq!(&PublicKey::from_text(&public.to_pem().unwrap()).unwrap(), public);
        assert_eq!(&PublicKey::from_text(&public.to_ssh_line()).unwrap(), public);
        assert_eq!(
            &PublicKey::from_spki_der(&public.to_spki_der().unwrap()).unwrap(),
            public
        );
    }
}

#[test]
fn labels_and_sizes_are_those_of_the_original() {
    let first_line = |pem: access::SecretText| pem.expose().lines().next().unwrap().to_owned();
    assert_eq!(
        ALL.map(|algorithm| first_line(key(algorithm).to_pem().unwrap())),
        [
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----"
        ]
    );
    assert_eq!(
        ALL.map(|algorithm| first_line(key(algorithm).to_openssh_pem().unwrap())),
        [
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----"
        ]
    );
    assert_eq!(key(Algorithm::P256).to_pem().unwrap().expose().len(), 241);
}

#[test]
fn openssl_and_ssh_keygen_read_our_keys() {
    for algorithm in ALL {
        let made = key(algorithm);
        let bench = Bench::new();
        bench.write("tls", made.to_pem().unwrap().expose());
        bench.write("ssh", made.to_openssh_pem().unwrap().expose());
        let spki = bench.run("openssl pkey -in tls -pubout");
        assert_eq!(&PublicKey::from_pem(&spki).unwrap(), made.public());
        let line = bench.run("ssh-keygen -y -P '' -f ssh");
        assert_eq!(line.trim(), made.public().to_ssh_line());
        bench.write("ssh.pub", made.public().to_ssh_line());
        let shown = bench.run("ssh-keygen -l -f ssh.pub");
        assert!(shown.contains(&made.public().ssh_fingerprint()), "{shown}");
    }
}

#[test]
fn we_read_the_keys_of_openssl_and_ssh_keygen() {
    let bench = Bench::new();
    for (algorithm, command) in [
        (
            Algorithm::P256,
            "openssl ecparam -name prime256v1 -genkey -noout -out it",
        ),
        (
            Algorithm::P256,
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out it",
        ),
        (Algorithm::Ed25519, "openssl genpkey -algorithm ed25519 -out it"),
        (Algorithm::Rsa, "openssl genrsa -out it 2048"),
        (Algorithm::Rsa, "openssl genrsa -traditional -out it 2048"),
    ] {
        bench.run(command);
        let read = KeyPair::from_pem(&bench.read("it")).unwrap();
        assert_eq!(read.algorithm(), algorithm);
        let spki = bench.run("openssl pkey -in it -pubout");
        assert_eq!(read.public(), &PublicKey::from_pem(&spki).unwrap());
    }
    for (name, kind) in [("one", "ed25519"), ("two", "ecdsa -b 256")] {
        bench.run(&format!("ssh-keygen -q -N '' -t {kind} -C a-comment -f {name}"));
        let read = KeyPair::from_pem(&bench.read(name)).unwrap();
        let line = bench.read(&format!("{name}.pub"));
        assert_eq!(read.public(), &PublicKey::from_ssh_line(&line).unwrap());
    }
}

#[test]
fn a_label_may_lie_about_the_encoding() {
    for algorithm in [Algorithm::P256, Algorithm::Rsa] {
        let pem = key(algorithm).to_pem().unwrap();
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            let lying = pem.expose().replace("RSA PRIVATE KEY", "PRIVATE KEY");
            let lying = lying.replace("PRIVATE KEY", label);
            assert_eq!(KeyPair::from_pem(&lying).unwrap().algorithm(), algorithm);
        }
    }
    let public = key(Algorithm::Rsa).public().to_pem().unwrap();
    let lying = public.replace("RSA PUBLIC KEY", "PUBLIC KEY");
    assert!(PublicKey::from_pem(&lying).is_ok());
}

#[test]
fn keys_that_cannot_be_used_are_refused_by_name() {
    let bench = Bench::new();
    let check = |text: &str| KeyPair::from_pem(text).err().expect("a refusal").to_string();
    bench.run("ssh-keygen -q -t ed25519 -N secret -f locked");
    assert_eq!(
        check(&bench.read("locked")),
        "the key is protected by a passphrase, which is not supported here"
    );
    bench.run("openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret -out locked2");
    assert!(check(&bench.read("locked2")).contains("passphrase"));
    let hardware = crate::pem::encode("PIV YUBIKEY PRIVATE KEY", b"{}");
    assert!(check(&hardware).contains("hardware token"));
    bench.run("ssh-keygen -q -N '' -t ecdsa -b 384 -f p384");
    assert!(check(&bench.read("p384")).contains("`ecdsa-sha2-nistp384` are not supported"));
    bench.run("openssl ecparam -name secp384r1 -genkey -noout -out p384.pem");
    assert_eq!(check(&bench.read("p384.pem")), "the key is malformed");
    let public = bench.run("openssl pkey -in p384.pem -pubout");
    assert!(
        PublicKey::from_pem(&public)
            .unwrap_err()
            .to_string()
            .contains("elliptic curve")
    );
    bench.run("openssl genrsa -out small 1024");
    let public = bench.run("openssl pkey -in small -pubout");
    assert_eq!(
        PublicKey::from_pem(&public),
        Err(KeyError::Unsupported("RSA with 1024 bits".to_owned()))
    );
    assert_eq!(check(""), "expected exactly one key");
    let pem = key(Algorithm::P256).to_pem().unwrap();
    let cut = KeyPair::from_pem(&pem.expose()[..100]).err();
    assert!(matches!(cut, Some(KeyError::Pem(PemError::Truncated { .. }))));
}

#[test]
fn no_byte_of_a_private_key_file_can_be_wrong() {
    // Whatever is changed in the file: it is refused, or it is the same key still (comment, PEM dressing).
    let made = key(Algorithm::Ed25519);
    let text = made.to_openssh_pem().unwrap();
    let block = crate::pem::decode(text.expose()).unwrap().remove(0);
    for index in 0..block.der.len() {
        let mut changed = block.der.to_vec();
        changed[index] ^= 0x01;
        if let Ok(read) = KeyPair::from_block("OPENSSH PRIVATE KEY", &changed) {
            assert_eq!(read.public(), made.public(), "byte {index}");
        }
    }
}

#[test]
fn entropy_alone_decides_which_key_is_made() {
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let make = |seed| KeyPair::generate(algorithm, &SeededEntropy::new(seed)).unwrap();
        assert_eq!(make(1).public(), make(1).public());
        assert_ne!(make(1).public(), make(2).public());
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let mut blob = key(Algorithm::P256).public().ssh_blob();
    *blob.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::from_ssh_blob(&blob), Err(KeyError::Malformed));
}
