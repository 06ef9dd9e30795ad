//! Whatever is sent, wherever: no operation fails with 5xx, and none tells of SQL or of paths on the machine.
//!
//! Requests are made up from `/openapi.json`, so that an operation that is added is tried as well.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::scale::scaled;

on_both_stores!(no_operation_breaks_whatever_it_is_sent);

/// How many requests each operation gets.
const TRIES: usize = 40;

const HARD: [&str; 22] = [
    "",
    " ",
    "0",
    "-1",
    "1e309",
    "null",
    "true",
    "\0",
    "a\0b",
    "'; DROP TABLE users; --",
    "' OR 1=1 --",
    "\\",
    "%",
    "%00",
    "%s%n",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "\u{202e}\u{feff}\u{10ffff}",
    "01890f5e-6c1f-7cc2-98c4-dc0c0c07398f",
    "00000000-0000-0000-0000-000000000000",
    "9999-12-31T23:59:59.999999Z",
    "-9999-01-01T00:00:00Z",
];

async fn no_operation_breaks_whatever_it_is_sent(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    installation.make_admin("spare").await;
    let server = installation.start().await;
    let document: Value = server.client().get("/openapi.json").await.json();
    let mut caller = server.client().log_in("root").await;
    let mut dice = Dice(0x5EED);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let sketch = Sketch { document: &document, operation };
            for _ in 0..scaled(TRIES) {
                let Some(reply) = attempt(&caller, &method, path, &sketch, &mut dice).await else { continue };
                assert_sound(&reply, &method, path);
                if caller.get("/api/v1/me").await.status == 401 {
                    caller = revived(&installation, &caller).await;
                }
            }
        }
    }
}

/// What was sent may have ended the session, changed the password, or more.
async fn revived(installation: &Installation, caller: &Caller) -> Caller {
    let name = format!("r{}", uuid::Uuid::now_v7().simple());
    installation.make_admin(&name).await;
    caller.client().log_in(&name).await
}

async fn attempt(caller: &Caller, method: &Method, path: &str, sketch: &Sketch<'_>, dice: &mut Dice) -> Option<Reply> {
    let mut target = path.to_owned();
    while target.contains("{id}") {
        target = target.replacen("{id}", &escaped(dice.hard()), 1);
    }
    let mut query = Vec::new();
    for name in sketch.parameters("query") {
        if dice.below(2) == 0 {
            query.push(format!("{name}={}", escaped(dice.hard())));
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut request = caller.request(method.clone(), &target);
    for name in sketch.parameters("header") {
        let value: String = dice.hard().chars().filter(|c| (' '..='~').contains(c)).collect();
        request = request.header(name, value);
    }
    request = match sketch.media_type() {
        Some(media) => request.header("content-type", media).body(sketch.body(media, dice)),
        None => request,
    };
    // A path that no client can send is no request.
    request.try_clone()?.build().ok()?;
    Some(sent(request).await)
}

fn assert_sound(reply: &Reply, method: &Method, path: &str) {
    assert!(reply.status < 500, "{method} {path}: {reply:?}");
    for leak in ["SELECT ", "INSERT INTO", "sqlite", "postgres", "diesel", "/rustc/", "/root/", ".rs:", "panicked"] {
        assert!(!reply.text.contains(leak) || path == "/openapi.json", "{method} {path} tells of {leak}: {reply:?}");
    }
}

/// An operation as the document has it.
struct Sketch<'a> {
    document: &'a Value,
    operation: &'a Value,
}

impl Sketch<'_> {
    fn parameters(&self, place: &str) -> Vec<&str> {
        let parameters = self.operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        parameters.iter().filter(|it| it["in"] == place).map(|it| it["name"].as_str().unwrap()).collect()
    }

    fn media_type(&self) -> Option<&str> {
        self.operation["requestBody"]["content"].as_object()?.keys().next().map(String::as_str)
    }

    fn body(&self, media: &str, dice: &mut Dice) -> Vec<u8> {
        let schema = &self.operation["requestBody"]["content"][media]["schema"];
        if media == "application/x-www-form-urlencoded" {
            let fields = self.object(schema, dice);
            let pair = |(name, value): (&String, &Value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", escaped(&text))
            };
            return fields.iter().map(pair).collect::<Vec<_>>().join("&").into_bytes();
        }
        match dice.below(10) {
            0 => vec![0xff, 0xfe, b'{'],
            1 => "[".repeat(100_000).into_bytes(),
            2 => b"{\"a\":".repeat(1_000),
            3 => anything(dice, 4).to_string().into_bytes(),
            _ => Value::Object(self.object(schema, dice)).to_string().into_bytes(),
        }
    }

    /// Most of the fields there are, most of them of their type, and sometimes one that is not there.
    fn object(&self, schema: &Value, dice: &mut Dice) -> Map<String, Value> {
        let schema = self.resolved(schema);
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if dice.below(5) > 0 {
                object.insert(name.clone(), self.value(property, dice));
            }
        }
        if dice.below(8) == 0 {
            object.insert(dice.hard().to_owned(), anything(dice, 2));
        }
        object
    }

    fn value(&self, property: &Value, dice: &mut Dice) -> Value {
        if dice.below(4) == 0 {
            return anything(dice, 3);
        }
        let kinds = &self.resolved(property)["type"];
        let kind = kinds.as_array().map_or(kinds, |kinds| &kinds[0]).as_str().unwrap_or("string");
        match kind {
            "boolean" => json!(dice.below(2) == 0),
            "integer" => json!(i64::MAX >> dice.below(63)),
            "number" => json!(1.5 * f64::from(u32::try_from(dice.below(100)).unwrap())),
            "array" => json!([dice.hard(), dice.hard()]),
            "object" => json!({dice.hard(): dice.hard()}),
            _ if dice.below(6) == 0 => json!("x".repeat(70_000)),
            _ => property["example"]
                .as_str()
                .filter(|_| dice.below(3) == 0)
                .map_or_else(|| json!(dice.hard()), |example| json!(example)),
        }
    }

    fn resolved<'b>(&'b self, schema: &'b Value) -> &'b Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }
}

fn anything(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(-1),
        3 => json!(1e300),
        4 => json!(u64::MAX),
        5 => json!(dice.hard()),
        6 => json!([anything(dice, depth - 1), anything(dice, depth - 1)]),
        _ => json!({dice.hard(): anything(dice, depth - 1)}),
    }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The same throws at every run, so that what fails once fails again.
struct Dice(u64);

impl Dice {
    fn hard(&mut self) -> &'static str {
        HARD[self.below(HARD.len())]
    }

    fn below(&mut self, sides: usize) -> usize {
        // xorshift64 (Marsaglia 2003)
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}
