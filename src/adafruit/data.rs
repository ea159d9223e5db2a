//! What is sent to feeds and groups, and how it is told to who subscribed: as it is, as JSON, as CSV.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// The form of a topic's payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `…/feeds/KEY`: the bare value, or JSON with a member `value`. `…/groups/KEY`: JSON.
    Usual,
    /// `…/json`
    Json,
    /// `…/csv`
    Csv,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 3] = [Form::Usual, Form::Json, Form::Csv];

    /// What stands behind the key.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Form::Usual => "",
            Form::Json => "/json",
            Form::Csv => "/csv",
        }
    }
}

/// A value of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The value alone.
    pub bytes: Vec<u8>,
    /// Latitude, longitude and, where it was told, elevation, as they were written.
    pub location: Vec<String>,
}

const PLACES: [&str; 3] = ["lat", "lon", "ele"];

impl Value {
    /// What was sent to a feed. JSON without a member `value` is a value like any other.
    #[must_use]
    pub fn of_feed(form: Form, payload: &[u8]) -> Value {
        let plain = || Value { bytes: payload.to_vec(), location: Vec::new() };
        if form == Form::Csv {
            let rows = rows(payload);
            let Some([value, location @ ..]) = rows.first().map(Vec::as_slice) else { return plain() };
            return Value { bytes: value.clone().into_bytes(), location: location_of(location) };
        }
        let Ok(Json::Object(members)) = serde_json::from_slice(payload) else { return plain() };
        let Some(value) = members.get("value") else { return plain() };
        Value { bytes: text(value).into_bytes(), location: location_in(&members) }
    }

    /// The values that were sent to a group, by the keys of its feeds.
    ///
    /// # Errors
    /// Why there are none.
    pub fn of_group(form: Form, payload: &[u8]) -> Result<BTreeMap<String, Value>, &'static str> {
        let mut values = BTreeMap::new();
        let mut location = Vec::new();
        if form == Form::Csv {
            for row in rows(payload) {
                match row.as_slice() {
                    [key, rest @ ..] if key == "location" => location = location_of(rest),
                    [key, value, ..] => {
                        values.insert(key.clone(), value.clone());
                    }
                    _ => {}
                }
            }
        } else {
            let Ok(Json::Object(members)) = serde_json::from_slice(payload) else { return Err(NO_JSON) };
            let Some(Json::Object(feeds)) = members.get("feeds") else { return Err(NO_JSON) };
            values.extend(feeds.iter().map(|(key, value)| (key.clone(), text(value))));
            if let Some(Json::Object(members)) = members.get("location") {
                location = location_in(members);
            }
        }
        if values.is_empty() {
            return Err(NO_JSON);
        }
        let with_place = |value: String| Value { bytes: value.into_bytes(), location: location.clone() };
        Ok(values.into_iter().map(|(key, value)| (key, with_place(value))).collect())
    }

    /// How the feed's subscribers are told of it.
    #[must_use]
    pub fn told(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Usual => self.bytes.clone(),
            Form::Json => {
                let text = self.text();
                let number = serde_json::from_str(&text).ok().filter(Json::is_number);
                let mut members = Map::new();
                members.insert("value".to_owned(), number.unwrap_or(Json::String(text)));
                members.extend(self.places());
                Json::Object(members).to_string().into_bytes()
            }
            Form::Csv => line([self.text()].into_iter().chain(self.location.iter().cloned())),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn places(&self) -> impl Iterator<Item = (String, Json)> {
        PLACES.iter().zip(&self.location).map(|(name, place)| {
            let number = serde_json::from_str(place).ok().filter(Json::is_number);
            ((*name).to_owned(), number.unwrap_or_else(|| Json::String(place.clone())))
        })
    }
}

const NO_JSON: &str = "the payload names no feeds of the group";

/// How a group's subscribers are told of new values, by the keys of its feeds. All values are texts.
#[must_use]
pub fn group_told<'v>(form: Form, values: impl Iterator<Item = (&'v str, &'v Value)>) -> Vec<u8> {
    let values: Vec<_> = values.collect();
    let place = values.iter().map(|(_, value)| *value).find(|value| !value.location.is_empty());
    if form == Form::Csv {
        let mut told: Vec<u8> = Vec::new();
        let lines = values.iter().map(|(key, value)| line([(*key).to_owned(), value.text()].into_iter()));
        let of_place = place
            .map(|value| line(["location".to_owned()].into_iter().chain(value.location.iter().cloned())));
        for line in lines.chain(of_place) {
            if !told.is_empty() {
                told.push(b'\n');
            }
            told.extend(line);
        }
        return told;
    }
    let mut members = Map::new();
    let feeds: Map<_, _> =
        values.iter().map(|(key, value)| ((*key).to_owned(), Json::String(value.text()))).collect();
    members.insert("feeds".to_owned(), Json::Object(feeds));
    if let Some(value) = place {
        members.insert("location".to_owned(), Json::Object(value.places().collect()));
    }
    Json::Object(members).to_string().into_bytes()
}

/// A text as it is, anything else in JSON's shortest form.
fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn location_in(members: &Map<String, Json>) -> Vec<String> {
    let places: Vec<_> = PLACES.iter().map_while(|name| members.get(*name)).map(text).collect();
    location_of(&places)
}

/// Without both latitude and longitude there is none.
fn location_of(places: &[String]) -> Vec<String> {
    if places.len() < 2 { Vec::new() } else { places.iter().take(PLACES.len()).cloned().collect() }
}

fn rows(payload: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(payload);
    let rows = reader.byte_records().map_while(Result::ok);
    rows.map(|row| row.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()).collect()
}

/// One row of CSV, without its end.
fn line(fields: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(fields.collect::<Vec<_>>());
    let mut line = writer.into_inner().unwrap_or_default();
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &Value, form: Form) -> String {
        String::from_utf8(value.told(form)).unwrap()
    }

    #[test]
    fn the_documents_examples_come_to_one_value() {
        let with_place: [(Form, &[u8]); 3] = [
            (Form::Csv, b"22.587,38.1123,-91.2325,112"),
            (Form::Usual, br#"{"value":22.587,"lat":38.1123,"lon":-91.2325,"ele":112}"#),
            (Form::Json, br#"{ "value": "22.587", "lat": 38.1123, "lon": -91.2325, "ele": 112 }"#),
        ];
        for (form, payload) in with_place {
            let value = Value::of_feed(form, payload);
            assert_eq!(told(&value, Form::Usual), "22.587");
            assert_eq!(told(&value, Form::Csv), "22.587,38.1123,-91.2325,112");
            let json: Json = serde_json::from_str(&told(&value, Form::Json)).unwrap();
            assert_eq!(
                json,
                serde_json::json!({"value": 22.587, "lat": 38.1123, "lon": -91.2325, "ele": 112})
            );
        }
        for (form, payload) in
            [(Form::Usual, "22.587"), (Form::Csv, "22.587"), (Form::Json, "{\"value\":22.587}")]
        {
            let value = Value::of_feed(form, payload.as_bytes());
            assert_eq!(value, Value { bytes: b"22.587".to_vec(), location: Vec::new() });
        }
        let wrapped = Value::of_feed(Form::Usual, br#"{"value": {"sensor-1": 22.587}, "lat": 1, "lon": 2}"#);
        assert_eq!(told(&wrapped, Form::Usual), r#"{"sensor-1":22.587}"#);
        for as_it_is in [r#"{"sensor-1": 22.587}"#, r#""{\"sensor-1\":22.587}""#, "red", ""] {
            assert_eq!(told(&Value::of_feed(Form::Usual, as_it_is.as_bytes()), Form::Usual), as_it_is);
        }
    }

    #[test]
    fn a_group_is_told_in_json_and_csv_as_it_is_sent() {
        let json = br#"{"feeds":{"key-1":"value 1","key-2":2},"location":{"lat":1.0,"lon":2.0,"ele":3.0}}"#;
        let values = Value::of_group(Form::Usual, json).unwrap();
        assert_eq!(
            values,
            Value::of_group(Form::Csv, b"key-1,value 1\nkey-2,2\nlocation,1.0,2.0,3.0").unwrap()
        );
        let told = |form| {
            let values = values.iter().map(|(key, value)| (key.as_str(), value));
            String::from_utf8(group_told(form, values)).unwrap()
        };
        assert_eq!(told(Form::Csv), "key-1,value 1\nkey-2,2\nlocation,1.0,2.0,3.0");
        let json: Json = serde_json::from_str(&told(Form::Json)).unwrap();
        assert_eq!(
            json["feeds"],
            serde_json::json!({"key-1": "value 1", "key-2": "2"}),
            "all values are texts"
        );
        assert_eq!(json["location"], serde_json::json!({"lat": 1.0, "lon": 2.0, "ele": 3.0}));
        for nothing in ["red", "{}", "{\"feeds\":{}}", "{\"feeds\":3}"] {
            assert!(Value::of_group(Form::Json, nothing.as_bytes()).is_err(), "{nothing}");
        }
    }
}
