//! Tokens with the signature of a key in force, whose header is not the one that this key's tokens have.

use serde_json::{Value, json};

use super::{OpenKey, encoded};

pub(super) fn forge(key: &OpenKey, claims: &Value, forge: &mut dyn FnMut(String, String)) {
    let claims = claims.to_string();
    let mut with =
        |header: String| forge(format!("our signature under the header {header:.200}"), key.token(&header, &claims));
    for (member, value) in members() {
        let mut header = key.header();
        header[member] = value;
        with(header.to_string());
    }
    for missing in ["typ", "alg", "kid"] {
        let mut header = key.header();
        header.as_object_mut().map(|header| header.remove(missing));
        with(header.to_string());
    }
    let (alg, kid) = (key.algorithm, &key.id);
    let spelt_otherwise = [
        format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"at+jwt","typ":"at+jwt"}}"#),
        format!(r#"{{"typ":"JWT","typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"none","alg":"{alg}","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"header":{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}}}"#),
        format!(r#"[{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}]"#),
        format!(r#"["at+jwt","{alg}","{kid}"]"#),
        format!(r#"{{"TYP":"at+jwt","ALG":"{alg}","KID":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}} trailing"#),
        format!("\u{feff}{{\"typ\":\"at+jwt\",\"alg\":\"{alg}\",\"kid\":\"{kid}\"}}"),
        "{}".to_owned(),
        "null".to_owned(),
        String::new(),
        "{".to_owned(),
        "[".repeat(1000),
    ];
    spelt_otherwise.into_iter().for_each(&mut with);
    // The key is the right one, the algorithm is not.
    for other in ["HS384", "HS512", "HS256", "EdDSA", "ES256", "RS256", "PS256"] {
        if other != alg.as_str() {
            with(json!({"typ": "at+jwt", "alg": other, "kid": kid.as_str()}).to_string());
        }
    }
}

/// Whatever else a header can have, and what its own members can be.
fn members() -> Vec<(&'static str, Value)> {
    let mut members = vec![
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("jku", Value::Null),
        ("jwk", json!({"kty": "oct", "k": encoded([0; 32])})),
        ("jwk", Value::Null),
        ("x5u", json!("http://127.0.0.1:1/chain.pem")),
        ("x5c", json!(["MAA="])),
        ("x5c", Value::Null),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
        ("url", json!("http://127.0.0.1:1/")),
        ("nonce", json!("n")),
        ("role", json!("admin")),
    ];
    for typ in
        ["JWT", "jwt", "at+JWT", "AT+JWT", "application/at+jwt", "at+jwt ", "rt+jwt", "logout+jwt", "dpop+jwt", ""]
    {
        members.push(("typ", json!(typ)));
    }
    for wrong in [Value::Null, json!(1), json!(["at+jwt"]), json!({})] {
        members.extend([("typ", wrong.clone()), ("kid", wrong.clone()), ("alg", wrong)]);
    }
    members
}
