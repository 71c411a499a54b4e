// The same as relying_party.mjs at level 3: openid-client pushes its request (PAR), proves itself by a key pair, and has its
// tokens bound to a key (DPoP). It speaks JSON lines with the test.
import * as client from 'openid-client'
import { createInterface } from 'node:readline'
import { webcrypto } from 'node:crypto'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (document) => process.stdout.write(JSON.stringify(document) + '\n')

const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
say({ jwks: { keys: [await webcrypto.subtle.exportKey('jwk', pair.publicKey)] } })

const given = await read()
const config = await client.discovery(new URL(given.issuer), given.id, {}, client.PrivateKeyJwt(pair.privateKey))
const key = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const asked = {
  redirect_uri: given.redirect_uri,
  scope: 'openid profile',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
}
const url = await client.buildAuthorizationUrlWithPAR(config, asked, key)
say({ url: url.href, plain: client.buildAuthorizationUrl(config, asked).href })

const { callback } = await read()
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
const tokens = await client.authorizationCodeGrant(config, new URL(callback), checks, undefined, key)
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, key)
const told = await client.tokenIntrospection(config, tokens.access_token)
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, key)

// A thief has the tokens of the client, and its key pair, but another key
const thief = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }
const refusals = []
const attempt = async (work) => {
  try {
    await work()
    refusals.push('')
  } catch (refusal) {
    refusals.push(refusal.error ?? refusal.cause?.[0]?.parameters?.error ?? refusal.code)
  }
}
await attempt(() => client.fetchUserInfo(config, refreshed.access_token, claims.sub))
await attempt(() => client.fetchUserInfo(config, refreshed.access_token, claims.sub, thief))
await attempt(() => client.refreshTokenGrant(config, refreshed.refresh_token))
await attempt(() => client.refreshTokenGrant(config, refreshed.refresh_token, undefined, thief))
say({ sub: claims.sub, userinfo: userinfo.sub, type: tokens.token_type, cnf: told.cnf, refreshed: refreshed.token_type, refusals })
process.exit(0)
