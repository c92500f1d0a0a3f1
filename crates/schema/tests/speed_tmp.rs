use lgsp_schema::Schemas;
#[test]
fn speed() {
    let s = Schemas::bundled().unwrap();
    let k = s.kinds().find(|k| k.event_type() == "lgsp.dossier.recorded.v1").unwrap();
    let v: serde_json::Value = serde_json::from_slice(k.document()).unwrap();
    let data = bytes::Bytes::from(serde_json::to_vec(&v["examples"][0]).unwrap());
    println!("{} bytes", data.len());
    for _ in 0..3 {
        let n = 100_000;
        let t = std::time::Instant::now();
        for _ in 0..n {
            std::hint::black_box(s.judge("lgsp.dossier.recorded.v1", None, data.clone()).unwrap());
        }
        println!("judge {:?}", t.elapsed() / n);
        let t = std::time::Instant::now();
        for _ in 0..n {
            std::hint::black_box(lgsp_schema::parse_strict(&data).unwrap());
        }
        println!("parse_strict {:?}", t.elapsed() / n);
        let t = std::time::Instant::now();
        for _ in 0..n {
            std::hint::black_box(serde_json::from_slice::<serde_json::Value>(&data).unwrap());
        }
        println!("serde {:?}", t.elapsed() / n);
    }
}
