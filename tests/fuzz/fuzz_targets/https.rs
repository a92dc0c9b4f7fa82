#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| cadence_dns_fuzz::https(octets));
