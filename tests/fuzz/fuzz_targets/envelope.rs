//! An envelope opens only if it is complete and was sealed with this key for this entry. No other bytes
//! are read as a sealed entry.
#![cfg_attr(feature = "libfuzzer", no_main)]

use k8s_token_cache::cache::seal::{SealContext, Sealer};
use k8s_token_cache::cache::vault::Vault;
use k8s_token_cache::keystore::KeyOrigin;
use k8s_token_cache::secret::{SecretBytes, SecretKey};
use program::fuzz_target;

const CONTEXT: SealContext =
    SealContext { name: [7; 16], created_unix_s: 1_769_846_400, expires_unix_s: 1_769_847_000 };

fuzz_target!(|input: (&[u8], u16, u8)| {
    let (bytes, at, change) = input;
    let sealer = || Sealer::new(SecretKey::from_slice(&[3; 32]).unwrap(), KeyOrigin::File);
    let open = |context: &SealContext, envelope: &[u8]| {
        let mut opened = SecretBytes::from(envelope.to_vec());
        sealer().open(context, &mut opened).map(|()| opened)
    };
    assert!(open(&CONTEXT, bytes).is_none());

    let mut envelope = sealer().seal(&CONTEXT, bytes).unwrap();
    assert_eq!(open(&CONTEXT, &envelope).unwrap().expose(), bytes);
    let other = SealContext { expires_unix_s: CONTEXT.expires_unix_s + 1, ..CONTEXT };
    assert!(open(&other, &envelope).is_none());
    assert!(open(&CONTEXT, &envelope[..usize::from(at) % envelope.len()]).is_none());
    // Any change of any byte; the header is authenticated too.
    let at = usize::from(at) % envelope.len();
    envelope[at] ^= change;
    assert_eq!(open(&CONTEXT, &envelope).is_some(), change == 0);

    assert!(Vault::Sealed(sealer()).decode(&CONTEXT.name, bytes).is_none());
    if let Some(entry) = Vault::Plain.decode(&CONTEXT.name, bytes) {
        let _ = k8s_token_cache::key::parts(entry.parts()).count();
        let again = Vault::Plain.encode(&CONTEXT.name, &entry).unwrap();
        let again = Vault::Plain.decode(&CONTEXT.name, again.as_bytes()).unwrap();
        assert_eq!(again.credential(), entry.credential());
        assert_eq!(again.parts(), entry.parts());
    }
});
