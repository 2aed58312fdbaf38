//! Times tfhe-rs on this machine and prints one JSON document: the peer beside Velum in bench/tfhe.ts. Milliseconds,
//! medians. Arguments: the number of repetitions of a bootstrap (default 40), and `--sleep` to add the night of five
//! records computed the way the original application does it (about a minute on two cores).
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{json, Map, Value};
use tfhe::prelude::*;
use tfhe::shortint;
use tfhe::{ConfigBuilder, FheBool, FheUint16, FheUint8};

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(|a, b| a.total_cmp(b));
    times[times.len() / 2]
}

fn time<T>(repeat: usize, mut body: impl FnMut() -> T) -> f64 {
    let mut times = Vec::new();
    for _ in 0..repeat {
        let start = Instant::now();
        std::hint::black_box(body());
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    median(times)
}

fn bootstraps(repeat: usize, out: &mut Map<String, Value>) {
    let parameters = shortint::parameters::v1_6::V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128;
    let (client, server) = shortint::gen_keys(parameters);
    let table = server.generate_lookup_table(|x| (x * 3 + 1) % 16);
    let input = client.encrypt(3);
    server.apply_lookup_table(&input, &table);
    out.insert("ks_pbs_ms".into(), json!(time(repeat, || server.apply_lookup_table(&input, &table))));
    let many: Vec<_> = (0..64).map(|i| client.encrypt(i % 4)).collect();
    let whole = time(3, || {
        many.par_iter().map(|input| server.apply_lookup_table(input, &table)).collect::<Vec<_>>()
    });
    out.insert("ks_pbs_64_all_threads_ms".into(), json!(whole));
}

/// The original's weight statistics: sequential minima, maxima, a 16-bit sum, a division by the clear count.
fn weights(values: &[FheUint16]) -> (FheUint16, FheUint16, FheUint16) {
    let (mut least, mut most, mut sum) = (values[0].clone(), values[0].clone(), values[0].clone());
    for value in &values[1..] {
        least = least.min(value);
        most = most.max(value);
        sum += value;
    }
    let average = sum / values.len() as u16;
    (least, most, average)
}

/// A night of (stage, start, end) as the original's rules score it, on 16-bit integers.
fn sleep(records: &[(FheUint8, FheUint16, FheUint16)]) -> FheUint8 {
    let zero = FheUint16::encrypt_trivial(0u16);
    let stages: Vec<FheUint16> = (0u8..6)
        .map(|stage| {
            records.iter().fold(zero.clone(), |sum, (kind, start, end)| {
                let flag: FheUint16 = kind.eq(stage).cast_into();
                sum + (end - start) * flag
            })
        })
        .collect();
    let in_bed = stages[0].clone();
    let asleep = stages[1..].iter().fold(zero.clone(), |sum, time| sum + time);
    let first = |wanted: bool| {
        let mut found = FheBool::encrypt_trivial(false);
        let mut at = zero.clone();
        for (kind, start, _) in records {
            let is = if wanted { kind.eq(0u8) } else { kind.ne(0u8) };
            let here = &is & !&found;
            at = here.if_then_else(start, &at);
            found = found | is;
        }
        at
    };
    let latency = first(false) - first(true);
    let step = |value: &FheUint16, limits: [u16; 3]| -> FheUint8 {
        limits.iter().fold(FheUint8::encrypt_trivial(0u8), |sum, limit| {
            let over: FheUint8 = value.gt(*limit).cast_into();
            sum + over
        })
    };
    let c_latency = step(&latency, [15, 30, 60]);
    let c_asleep = FheUint8::encrypt_trivial(3u8) - step(&asleep, [300, 360, 420]);
    let efficiency = &asleep * 100u16;
    let c_efficiency = [85u16, 75, 65].iter().fold(FheUint8::encrypt_trivial(0u8), |sum, percent| {
        let under: FheUint8 = efficiency.le(&(&in_bed * *percent)).cast_into();
        sum + under
    });
    let raw = c_latency + c_asleep + c_efficiency;
    raw * 4u8 / FheUint8::encrypt_trivial(9u8) + 1u8
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let repeat = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(40);
    let mut out = Map::new();
    out.insert("version".into(), json!("1.8.2"));
    out.insert("threads".into(), json!(rayon::current_num_threads()));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    bootstraps(repeat, &mut out);
    alone.install(|| {
        let mut one = Map::new();
        bootstraps(repeat, &mut one);
        out.insert("ks_pbs_1_thread_ms".into(), one["ks_pbs_ms"].clone());
        out.insert("ks_pbs_64_1_thread_ms".into(), one["ks_pbs_64_all_threads_ms"].clone());
    });
    let client = tfhe::ClientKey::generate(ConfigBuilder::default());
    let start = Instant::now();
    let compressed = tfhe::CompressedServerKey::new(&client);
    out.insert("compressed_server_key_ms".into(), json!(start.elapsed().as_secs_f64() * 1e3));
    out.insert("compressed_server_key_bytes".into(), json!(bincode::serialize(&compressed).unwrap().len()));
    let start = Instant::now();
    let server = compressed.decompress();
    out.insert("decompress_ms".into(), json!(start.elapsed().as_secs_f64() * 1e3));
    rayon::broadcast(|_| tfhe::set_server_key(server.clone()));
    tfhe::set_server_key(server);

    let a = FheUint16::encrypt(51_234u16, &client);
    let b = FheUint16::encrypt(1_789u16, &client);
    let (c, d) = (FheUint8::encrypt(201u8, &client), FheUint8::encrypt(77u8, &client));
    let mut ops = Map::new();
    ops.insert("add u8".into(), json!(time(5, || &c + &d)));
    ops.insert("add u16".into(), json!(time(5, || &a + &b)));
    ops.insert("lt u8".into(), json!(time(5, || c.lt(&d))));
    ops.insert("lt u16".into(), json!(time(5, || a.lt(&b))));
    ops.insert("eq u16".into(), json!(time(5, || a.eq(&b))));
    ops.insert("min u16".into(), json!(time(5, || a.min(&b))));
    ops.insert("select u16".into(), {
        let flag = a.lt(&b);
        json!(time(5, || flag.if_then_else(&a, &b)))
    });
    ops.insert("bitand u16".into(), json!(time(5, || &a & &b)));
    ops.insert("mul u8".into(), json!(time(3, || &c * &d)));
    ops.insert("mul u16".into(), json!(time(3, || &a * &b)));
    ops.insert("div u8".into(), json!(time(1, || &c / &d)));
    ops.insert("div u16 by 7".into(), json!(time(1, || &a / 7u16)));
    out.insert("operations_ms".into(), Value::Object(ops));

    let kilograms = [680u16, 650, 690, 700, 705];
    let values: Vec<_> = kilograms.iter().map(|w| FheUint16::encrypt(*w, &client)).collect();
    let start = Instant::now();
    let (least, most, average) = weights(&values);
    out.insert("weight_stats_5_ms".into(), json!(start.elapsed().as_secs_f64() * 1e3));
    let clear: [u16; 3] = [least.decrypt(&client), most.decrypt(&client), average.decrypt(&client)];
    assert_eq!(clear, [650, 705, 685]);

    if arguments.iter().any(|a| a == "--sleep") {
        let night = [(0u8, 0u16, 120u16), (3, 120, 150), (0, 150, 210), (4, 210, 240), (0, 240, 300)];
        let records: Vec<_> = night
            .iter()
            .map(|(kind, start, end)| {
                let kind = FheUint8::encrypt(*kind, &client);
                (kind, FheUint16::encrypt(*start, &client), FheUint16::encrypt(*end, &client))
            })
            .collect();
        let start = Instant::now();
        let score: u8 = sleep(&records).decrypt(&client);
        out.insert("sleep_quality_5_ms".into(), json!(start.elapsed().as_secs_f64() * 1e3));
        assert_eq!(score, 5);
    }
    println!("{}", Value::Object(out));
}
