//! Tokens with the header and the signature of a key in force, that say what no token says.

use serde_json::{Value, json};

use super::OpenKey;

pub(super) fn forge(key: &OpenKey, genuine: &Value, forge: &mut dyn FnMut(String, String)) {
    let mut with = |how: String, claims: &str| forge(format!("our signature on {how}"), key.sign(claims));
    for (claim, value) in members(genuine) {
        for wrong in wrong_types(value) {
            let mut claims = genuine.clone();
            claims[claim] = wrong.clone();
            with(format!("{claim} = {wrong}"), &claims.to_string());
        }
        let mut claims = genuine.clone();
        claims.as_object_mut().map(|claims| claims.remove(claim));
        with(format!("no {claim}"), &claims.to_string());

        // The last of two might be what counts, or the first.
        let doubled = format!(r#"{{"{claim}":{value},{}"#, &genuine.to_string()[1..]);
        with(format!("{claim} twice"), &doubled);
        let upper =
            genuine.to_string().replacen(&format!(r#""{claim}""#), &format!(r#""{}""#, claim.to_uppercase()), 1);
        with(format!("{claim} in capitals"), &upper);
    }
    for (claim, wrong) in wrong_values(genuine) {
        let mut claims = genuine.clone();
        claims[claim] = wrong.clone();
        with(format!("{claim} = {wrong:.80}"), &claims.to_string());
    }
    for whole in [
        json!({"claims": genuine}).to_string(),
        json!([genuine]).to_string(),
        json!(genuine.to_string()).to_string(),
        json!(members(genuine).map(|(_, value)| value.clone()).collect::<Vec<_>>()).to_string(),
        format!("{genuine}{genuine}"),
        format!("{genuine},"),
        genuine.to_string().replace('"', "'"),
        "{}".to_owned(),
        "null".to_owned(),
        String::new(),
        "[".repeat(1000),
    ] {
        with(format!("the claims {whole:.60}"), &whole);
    }
}

fn members(claims: &Value) -> impl Iterator<Item = (&str, &Value)> {
    claims.as_object().into_iter().flatten().map(|(claim, value)| (claim.as_str(), value))
}

/// Every type that the value has not, and what has been taken for it.
fn wrong_types(right: &Value) -> Vec<Value> {
    let mut wrong =
        vec![Value::Null, json!(true), json!([]), json!([right]), json!({}), json!({"value": right}), json!("")];
    match right.as_i64() {
        Some(number) => wrong.extend([
            json!(number.to_string()),
            json!(format!("{number}.0")),
            json!(1.5),
            json!(-1.5),
            json!(1e300),
            json!(u64::MAX),
            json!("2100-01-01T00:00:00Z"),
        ]),
        None => wrong.extend([json!(0), json!(7), json!(-1.5)]),
    }
    wrong
}

fn wrong_values(genuine: &Value) -> Vec<(&'static str, Value)> {
    let text = |claim: &str| genuine[claim].as_str().unwrap_or_default().to_owned();
    let (iss, aud) = (text("iss"), text("aud"));
    let issued = genuine["iat"].as_i64().unwrap_or_default();
    let mut wrong = vec![
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MIN)),
        ("exp", json!(issued - 60)),
        ("exp", json!(issued - 86_400)),
        ("exp", json!(i64::MAX)),
        ("iat", json!(i64::MIN)),
        ("iat", json!(i64::MAX)),
        ("aud", json!([&aud, "another"])),
        ("aud", json!(["another", &aud])),
        ("iss", json!([&iss, "another"])),
        ("username", json!("x".repeat(1000))),
        ("username", json!("a b\u{0}")),
    ];
    for (claim, right) in [("iss", &iss), ("aud", &aud)] {
        let others =
            ["another".to_owned(), right.to_uppercase(), format!("{right} "), format!("{right}/"), format!(" {right}")];
        wrong.extend(others.into_iter().map(|other| (claim, json!(other))));
    }
    for claim in ["sub", "session_id", "jti"] {
        let right = text(claim);
        let others = ["1", "ada", &right[1..], &format!("{right}0"), &format!("{right} "), "' OR 1=1 --"];
        wrong.extend(others.map(|other| (claim, json!(other))));
    }
    wrong
}
