//! Tokens of somebody who knows no key that signs.

use domain::signing::SigningAlgorithm;
use serde_json::{Value, json};

use super::{OpenKey, Pen, Target, claims, encoded};

pub(super) fn forge(target: &Target, forge: &mut dyn FnMut(String, String)) {
    let said = claims(&target.genuine).to_string();
    let strangers = Pen::of_a_stranger();
    for key in &target.keys {
        unsigned(key, target, &said, forge);
        for pen in &strangers {
            signed_by_a_stranger(key, pen, &said, forge);
        }
        guessed(key, target, &said, forge);
        for other in target.keys.iter().filter(|other| other.id != key.id) {
            let whose = format!("the name of {}, signed by {}", key.algorithm, other.algorithm);
            forge(whose, other.token(&key.header().to_string(), &said));
        }
    }
    for pen in &strangers {
        names(pen, &said, forge);
    }
    // An empty file, an empty row and no row at all have been taken for keys.
    names(&Pen::hmac("HS256", b""), &said, forge);
    names(&Pen::hmac("HS256", b"x"), &said, forge);
}

fn unsigned(key: &OpenKey, target: &Target, said: &str, forge: &mut dyn FnMut(String, String)) {
    let signature = target.genuine.rsplit('.').next().unwrap_or_default();
    for alg in ["none", "None", "nOnE", "NONE", "", "null", "HS256 ", "hs256", "eddsa", "Ed25519", "dir", "A256KW"] {
        let mut header = key.header();
        header["alg"] = alg.into();
        for signature in ["", signature, "AA"] {
            let token = format!("{}.{}.{signature}", encoded(header.to_string()), encoded(said));
            forge(format!("alg {alg:?} with the signature {signature:?}"), token);
        }
    }
    for alg in [Value::Null, json!(0), json!(["HS256"]), json!({"HS256": true}), json!(true)] {
        let mut header = key.header();
        header["alg"] = alg;
        forge(format!("the header {header}"), key.token(&header.to_string(), said));
    }
    for doubled in [r#"{"alg":"none","alg":"HS256","#, r#"{"alg":"HS256","alg":"none","#] {
        let header = format!(r#"{doubled}"typ":"at+jwt","kid":"{}"}}"#, key.id);
        forge(format!("the header {header}"), format!("{}.{}.", encoded(header), encoded(said)));
    }
    let bare = format!("{}.{}.", encoded(key.header().to_string()), encoded(said));
    forge("no signature".to_owned(), bare.clone());
    forge("a signature of zeros".to_owned(), bare.clone() + &encoded([0; 32]));
    forge("a longer signature of zeros".to_owned(), bare + &encoded([0; 64]));
}

fn signed_by_a_stranger(key: &OpenKey, pen: &Pen, said: &str, forge: &mut dyn FnMut(String, String)) {
    let mut header = key.header();
    forge(format!("our header, signed by a stranger's {}", pen.alg), pen.token(&header.to_string(), said));
    header["alg"] = pen.alg.into();
    forge(format!("signed by a stranger's {}", pen.alg), pen.token(&header.to_string(), said));
    let x = pen.public().map(encoded).unwrap_or_default();
    let own_key = json!({"kty": "OKP", "crv": "Ed25519", "alg": pen.alg, "kid": key.id.as_str(), "x": x});
    let brought = [
        ("jwk", own_key.clone()),
        ("jwk", json!({"kty": "oct", "k": encoded("what a stranger would take for it")})),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("x5u", json!("http://127.0.0.1:1/chain.pem")),
        ("x5c", json!([x])),
        ("x5t", json!("AA")),
        ("keys", json!([own_key])),
    ];
    for (member, value) in brought {
        let mut header = header.clone();
        header[member] = value;
        forge(format!("a stranger's {} that brings its {member}", pen.alg), pen.token(&header.to_string(), said));
    }
}

/// HMAC with what everybody can know (the public key above all) or might try.
fn guessed(key: &OpenKey, target: &Target, said: &str, forge: &mut dyn FnMut(String, String)) {
    let mut guesses: Vec<(String, Vec<u8>)> = vec![
        ("nothing".to_owned(), Vec::new()),
        ("the name of the key".to_owned(), key.id.as_str().into()),
        ("`secret`".to_owned(), b"secret".to_vec()),
        ("zeros".to_owned(), vec![0; 32]),
    ];
    guesses.extend(target.guesses.iter().map(|(what, bytes)| ((*what).to_owned(), bytes.clone())));
    for public in target.keys.iter().filter(|key| key.algorithm == SigningAlgorithm::EdDsa) {
        let point = public.pen.public().unwrap_or_default();
        let der = public.pen.der().unwrap_or_default();
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": public.id.as_str(), "x": encoded(&point),
        });
        guesses.push(("the JWK".to_owned(), jwk.to_string().into()));
        guesses.push(("the JWKS".to_owned(), json!({"keys": [jwk]}).to_string().into()));
        guesses.push(("the public key's x".to_owned(), encoded(&point).into()));
        guesses.push(("the public key in DER".to_owned(), der));
        guesses.push(("the public key".to_owned(), point));
    }
    for alg in ["HS256", "HS384", "HS512"] {
        for (what, secret) in &guesses {
            let pen = Pen::hmac(alg, secret);
            forge(format!("our header, signed with {alg} and {what}"), pen.token(&key.header().to_string(), said));
            let mut header = key.header();
            header["alg"] = alg.into();
            forge(format!("{alg} with {what}"), pen.token(&header.to_string(), said));
        }
    }
}

/// Names of keys that lead elsewhere where they are looked up carelessly.
fn names(pen: &Pen, said: &str, forge: &mut dyn FnMut(String, String)) {
    let kids = [
        json!("../../../../../../dev/null"),
        json!("/proc/sys/kernel/randomize_va_space"),
        json!("file:///dev/null"),
        json!("http://127.0.0.1:1/key"),
        json!("' UNION SELECT 'x' -- "),
        json!("x' OR '1'='1"),
        json!("'; DROP TABLE signing_keys; --"),
        json!("|true"),
        json!("$(true)"),
        json!("\u{0}"),
        json!("%00"),
        json!(""),
        json!("k".repeat(2500)),
        json!("🔑"),
        Value::Null,
        json!(0),
        json!(-1),
        json!(true),
        json!([]),
        json!(["a"]),
        json!({"$ne": null}),
    ];
    for kid in kids {
        let header = json!({"typ": "at+jwt", "alg": pen.alg, "kid": kid}).to_string();
        forge(format!("{} with the name {kid:.40}", pen.alg), pen.token(&header, said));
    }
    let nameless = json!({"typ": "at+jwt", "alg": pen.alg}).to_string();
    forge(format!("{} without a name", pen.alg), pen.token(&nameless, said));
}
