//! The FNV-1a hash in 64 and 128 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>,
//! draft-eastlake-fnv). Not a cryptographic hash: if equal hashes must mean equal inputs, compare the inputs
//! too.

const PRIME_64: u64 = 0x0000_0100_0000_01b3;
const BASIS_64: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME_128: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
const BASIS_128: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(BASIS_64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME_64))
}

pub fn fnv1a_128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(BASIS_128, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME_128))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of draft-eastlake-fnv, appendix C.
    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
