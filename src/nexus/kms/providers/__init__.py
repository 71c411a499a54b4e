"""Where keys live: a PKCS#11 token or the sealed keystore. Both pass tests/contract/test_key_providers.py."""
