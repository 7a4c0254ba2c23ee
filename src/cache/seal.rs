//! The envelope that an entry is sealed in, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), and the
//! entry's name in the cache file.
//!
//! The additional data bind the ciphertext to its entry: an envelope that was moved to another entry, or
//! whose expiry was changed, does not open. Opening returns `None` for every error, and the caller counts
//! that as a miss. The 24-byte nonce is random, which is safe for any number of envelopes that one key
//! will ever seal (section 3.1 of the draft).
//!
//! An envelope, version 1:
//!
//! | offset | bytes | what                                                            |
//! |-------:|------:|-----------------------------------------------------------------|
//! |      0 |     3 | magic: `KTC`                                                    |
//! |      3 |     1 | version: 1                                                      |
//! |      4 |     1 | algorithm: 1, XChaCha20-Poly1305                                |
//! |      5 |     1 | where the key came from ([`KeyOrigin`])                         |
//! |      6 |     8 | key id: the first bytes of HChaCha20(key, [`KEY_ID_INPUT`])     |
//! |     14 |    24 | nonce                                                           |
//! |     38 |     n | ciphertext, as long as the plaintext                            |
//! | 38 + n |    16 | tag                                                             |
//!
//! Additional data: the first 14 bytes of the envelope, then of its [`SealContext`] the entry's name (16
//! bytes) and the two stamps (8 bytes each), big-endian. Origin and key id are checked by the tag alone.

use k8s_token_cache_cipher::{NONCE_BYTES, TAG_BYTES, decrypt, derive, encrypt};

use crate::error::{Error, Kind, Result, reason};
use crate::keystore::{self, KeyOrigin};
use crate::secret::{SecretBytes, SecretKey};

const MAGIC_VERSION_ALGORITHM: [u8; 5] = *b"KTC\x01\x01";
const SOURCE_OFFSET: usize = MAGIC_VERSION_ALGORITHM.len();
const KEY_ID_OFFSET: usize = SOURCE_OFFSET + 1;
const HEADER_BYTES: usize = KEY_ID_OFFSET + 8;
const TEXT_OFFSET: usize = HEADER_BYTES + NONCE_BYTES;
const ADDITIONAL_BYTES: usize = HEADER_BYTES + 16 + 8 + 8;

/// The input that the key id is derived from: an arbitrary constant.
const KEY_ID_INPUT: [u8; 16] = *b"k8s-token-cache\0";

/// What an envelope is bound to, in addition to its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext {
    /// The entry's name, instead of the cache key's hash, because reports know only the name.
    pub name: [u8; 16],
    pub created_unix_s: u64,
    pub expires_unix_s: u64,
}

/// Seals and opens with one key.
#[derive(Debug)]
pub struct Sealer {
    key: SecretKey,
    source: KeyOrigin,
}

impl Sealer {
    pub fn new(key: SecretKey, source: KeyOrigin) -> Sealer {
        Sealer { key, source }
    }

    /// The store that the key was read from.
    pub fn origin(&self) -> KeyOrigin {
        self.source
    }

    /// The name of the entry for `key_hash`. Without the encryption key it reveals nothing.
    ///
    /// XChaCha20 derives its subkeys with the same function from 16 bytes of random nonce. If both inputs
    /// were ever equal, the name would reveal half of a subkey, and 128 bits would remain unknown.
    pub fn entry_name(&self, key_hash: u128) -> [u8; 16] {
        let mut name = [0; 16];
        name.copy_from_slice(&self.derive(key_hash.to_be_bytes())[..16]);
        name
    }

    /// Seals `plaintext` with a new nonce. Fails only if the system has no random bytes.
    pub fn seal(&self, context: &SealContext, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        keystore::fill_random(&mut nonce).map_err(|error| cannot_seal(&reason(&error)))?;
        self.seal_with_nonce(context, &nonce, plaintext)
    }

    /// Turns the envelope into the plaintext, in place. `None` unless it was sealed with this key for this
    /// context and is intact.
    pub fn open(&self, context: &SealContext, envelope: &mut SecretBytes) -> Option<()> {
        let bytes = envelope.expose_mut();
        let (header, rest) = bytes.split_first_chunk_mut::<HEADER_BYTES>()?;
        let (nonce, rest) = rest.split_first_chunk_mut::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
        if !header.starts_with(&MAGIC_VERSION_ALGORITHM) {
            return None;
        }
        decrypt(self.key.expose(), nonce, &additional_data(header, context), text, tag)?;
        let text_end = TEXT_OFFSET + text.len();
        bytes.copy_within(TEXT_OFFSET..text_end, 0);
        bytes.truncate(text_end - TEXT_OFFSET);
        Some(())
    }

    fn seal_with_nonce(
        &self,
        context: &SealContext,
        nonce: &[u8; NONCE_BYTES],
        plaintext: &[u8],
    ) -> Result<Vec<u8>> {
        let header = self.header(self.source.code());
        // Allocate once: growing would leave plaintext in freed memory.
        let mut envelope = Vec::with_capacity(TEXT_OFFSET + plaintext.len() + TAG_BYTES);
        envelope.extend_from_slice(&header);
        envelope.extend_from_slice(nonce);
        envelope.extend_from_slice(plaintext);
        let tag = encrypt(
            self.key.expose(),
            nonce,
            &additional_data(&header, context),
            &mut envelope[TEXT_OFFSET..],
        )
        .ok_or_else(|| cannot_seal("it is too long"))?;
        envelope.extend_from_slice(&tag);
        Ok(envelope)
    }

    fn header(&self, source: u8) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..SOURCE_OFFSET].copy_from_slice(&MAGIC_VERSION_ALGORITHM);
        header[SOURCE_OFFSET] = source;
        header[KEY_ID_OFFSET..].copy_from_slice(&self.derive(KEY_ID_INPUT)[..HEADER_BYTES - KEY_ID_OFFSET]);
        header
    }

    fn derive(&self, input: [u8; 16]) -> [u8; 32] {
        derive(self.key.expose(), &input)
    }
}

fn additional_data(header: &[u8; HEADER_BYTES], context: &SealContext) -> [u8; ADDITIONAL_BYTES] {
    let mut data = [0; ADDITIONAL_BYTES];
    let (front, stamps) = data.split_at_mut(HEADER_BYTES + 16);
    front[..HEADER_BYTES].copy_from_slice(header);
    front[HEADER_BYTES..].copy_from_slice(&context.name);
    stamps[..8].copy_from_slice(&context.created_unix_s.to_be_bytes());
    stamps[8..].copy_from_slice(&context.expires_unix_s.to_be_bytes());
    data
}

fn cannot_seal(why: &str) -> Error {
    Error::new(Kind::Cache, format!("cannot encrypt the credential: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: SealContext = SealContext {
        name: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        created_unix_s: 1_700_000_000,
        expires_unix_s: 1_700_000_840,
    };

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|start| u8::from_str_radix(&hex[start..start + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    fn counting<const N: usize>(first: u8) -> [u8; N] {
        std::array::from_fn(|index| first + index as u8)
    }

    fn sealer(first_key_byte: u8) -> Sealer {
        let key: [u8; 32] = counting(first_key_byte);
        Sealer::new(SecretKey::from_slice(&key).unwrap(), KeyOrigin::File)
    }

    fn opened(sealer: &Sealer, context: &SealContext, envelope: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = SecretBytes::from(envelope.to_vec());
        sealer.open(context, &mut bytes).map(|()| bytes.expose().to_vec())
    }

    /// draft-irtf-cfrg-xchacha-03, section 2.2.1.
    #[test]
    fn entry_names_are_the_drafts_hchacha20() {
        let input = u128::from_be_bytes(bytes("000000090000004a0000000031415927"));
        assert_eq!(sealer(0x00).entry_name(input), bytes("82413b4227b27bfed30e42508a877d73"));
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_cipher_is_the_drafts_xchacha20_poly1305() {
        let sunscreen: [u8; 114] =
            *b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
               sunscreen would be it.";
        let key = SecretKey::from_slice(&counting::<32>(0x80)).unwrap();
        let nonce = counting(0x40);
        let additional: [u8; 12] = bytes("50515253c0c1c2c3c4c5c6c7");

        let mut text = sunscreen;
        let tag = encrypt(key.expose(), &nonce, &additional, &mut text).unwrap();
        assert_eq!(
            text,
            bytes(
                "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644\
                 0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e\
                 3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
            )
        );
        assert_eq!(tag, bytes("c0875924c1c7987947deafd8780acf49"));

        decrypt(key.expose(), &nonce, &additional, &mut text, &tag).unwrap();
        assert_eq!(text, sunscreen);
    }

    /// Made by another implementation from the table at the top of this file: a program that writes
    /// something else has to write another version.
    #[test]
    fn version_1_looks_like_this_for_ever() {
        let envelope: [u8; 62] = bytes(
            "4b54430101037a0b5bf1b8810e13404142434445464748494a4b4c4d4e4f50515253545556578564\
             16d42f958c2ee1309c09fc11939884802c16b38fb62a",
        );
        let sealer = sealer(0x80);
        assert_eq!(sealer.seal_with_nonce(&CONTEXT, &counting(0x40), b"the text").unwrap(), envelope);
        assert_eq!(opened(&sealer, &CONTEXT, &envelope).unwrap(), b"the text");
        assert_eq!(
            sealer.entry_name(u128::from_be_bytes(CONTEXT.name)),
            bytes("27cf9e52305d9778e8ecf6c7f358196b")
        );
    }

    #[test]
    fn a_text_of_any_length_is_sealed_and_opened() {
        let sealer = sealer(1);
        let text: Vec<u8> = (0..400u32).map(|n| n as u8).collect();
        for length in (0..200).chain([255, 256, 257, 400]) {
            let envelope = sealer.seal(&CONTEXT, &text[..length]).unwrap();
            assert_eq!(envelope.len(), length + HEADER_BYTES + NONCE_BYTES + TAG_BYTES);
            assert_eq!(opened(&sealer, &CONTEXT, &envelope).unwrap(), &text[..length]);
        }
    }

    #[test]
    fn every_flipped_bit_is_a_miss() {
        let sealer = sealer(1);
        let mut envelope =
            sealer.seal(&CONTEXT, b"a credential of some length, more than one block of 64 bytes").unwrap();
        for bit in 0..envelope.len() * 8 {
            envelope[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&sealer, &CONTEXT, &envelope).is_none(), "bit {bit}");
            envelope[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(opened(&sealer, &CONTEXT, &envelope).is_some());
    }

    #[test]
    fn a_shorter_or_longer_envelope_is_a_miss() {
        let sealer = sealer(1);
        let mut envelope = sealer.seal(&CONTEXT, b"a credential").unwrap();
        for length in 0..envelope.len() {
            assert!(opened(&sealer, &CONTEXT, &envelope[..length]).is_none(), "{length} bytes");
            assert!(
                opened(&sealer, &CONTEXT, &envelope[envelope.len() - length..]).is_none(),
                "last {length} bytes"
            );
        }
        envelope.push(0);
        assert!(opened(&sealer, &CONTEXT, &envelope).is_none());
    }

    #[test]
    fn an_envelope_opens_in_its_own_entry_alone() {
        let sealer = sealer(1);
        let envelope = sealer.seal(&CONTEXT, b"a credential").unwrap();
        for other in [
            SealContext { name: [0; 16], ..CONTEXT },
            SealContext { name: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16], ..CONTEXT },
            SealContext { created_unix_s: CONTEXT.created_unix_s + 1, ..CONTEXT },
            SealContext { expires_unix_s: CONTEXT.expires_unix_s + 1, ..CONTEXT },
            SealContext { expires_unix_s: u64::MAX, ..CONTEXT },
            SealContext {
                created_unix_s: CONTEXT.expires_unix_s,
                expires_unix_s: CONTEXT.created_unix_s,
                ..CONTEXT
            },
        ] {
            assert!(opened(&sealer, &other, &envelope).is_none(), "{other:?}");
        }
        assert!(opened(&sealer, &CONTEXT, &envelope).is_some());
    }

    #[test]
    fn swapped_envelopes_are_misses() {
        let sealer = sealer(1);
        let other = SealContext { name: [42; 16], ..CONTEXT };
        let envelope = sealer.seal(&CONTEXT, b"a credential").unwrap();
        let other_envelope = sealer.seal(&other, b"b credential").unwrap();
        assert!(opened(&sealer, &other, &envelope).is_none());
        assert!(opened(&sealer, &CONTEXT, &other_envelope).is_none());
    }

    #[test]
    fn another_key_neither_opens_nor_finds() {
        let envelope = sealer(1).seal(&CONTEXT, b"a credential").unwrap();
        assert!(opened(&sealer(2), &CONTEXT, &envelope).is_none());
        assert_ne!(sealer(1).entry_name(7), sealer(2).entry_name(7));
        assert_ne!(sealer(1).entry_name(7), sealer(1).entry_name(8));
    }

    #[test]
    fn the_same_key_opens_wherever_it_came_from() {
        let envelope = sealer(1).seal(&CONTEXT, b"a credential").unwrap();
        let key = SecretKey::from_slice(&counting::<32>(1)).unwrap();
        let given = Sealer::new(key, KeyOrigin::Environment);
        assert_eq!(opened(&given, &CONTEXT, &envelope).unwrap(), b"a credential");
    }

    #[test]
    fn no_two_envelopes_share_a_nonce_and_none_shows_its_text() {
        let sealer = sealer(1);
        let text = b"a credential that must not be seen";
        let first = sealer.seal(&CONTEXT, text).unwrap();
        let second = sealer.seal(&CONTEXT, text).unwrap();
        let nonce = HEADER_BYTES..HEADER_BYTES + NONCE_BYTES;
        assert_ne!(first[nonce.clone()], second[nonce]);
        assert!(!first.windows(8).any(|piece| text.windows(8).any(|secret| secret == piece)));
    }
}
