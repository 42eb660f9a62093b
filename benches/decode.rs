//! JSON bytes -> facts, per event; `serde_json::Value` of the same bytes beside it as the plain way.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plazo::event::{decode, encode};

const CREATED: &str = r#"{"specversion":"1.0","id":"5b1f7c1e-9f0a-4b6e-8a3f-2f6d1f0c9a11","source":"/crm/eu","type":"lead.created","time":"2026-11-23T10:15:30.120Z","datacontenttype":"application/json","data":{"lead_id":"00Q5g00000AbCdEFGH","status":"new","owner":"ana.souza","team":"north","attributes":{"source":"webinar","region":"emea","score":84}}}"#;
const STATUS_CHANGED: &str = r#"{"specversion":"1.0","id":"5b1f7c1e-9f0a-4b6e-8a3f-2f6d1f0c9a12","source":"/crm/eu","type":"lead.status_changed","time":"2026-11-23T10:15:30.120Z","datacontenttype":"application/json","data":{"lead_id":"00Q5g00000AbCdEFGH","from":"new","to":"working","owner":"ana.souza"}}"#;

fn decoding(criterion: &mut Criterion) {
    for (name, text) in [("created", CREATED), ("status_changed", STATUS_CHANGED)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("decode", |b| b.iter(|| decode(black_box(text.as_bytes()))));
        group.bench_function("serde_json_value", |b| {
            b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(text.as_bytes())));
        });
        let event = decode(text.as_bytes());
        if let Ok(event) = &event {
            group.bench_function("encode", |b| b.iter(|| encode(black_box(event))));
        }
        group.finish();
    }
}

criterion_group!(benches, decoding);
criterion_main!(benches);
