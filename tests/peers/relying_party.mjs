// A tool that signs people in, made of openid-client (a certified relying party). It speaks JSON lines with the test:
// it prints where to send the browser, reads where the browser came back to, and prints what it received.
import * as client from 'openid-client'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (document) => process.stdout.write(JSON.stringify(document) + '\n')

const given = await read()
const config = await client.discovery(new URL(given.issuer), given.id, given.secret)
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: given.redirect_uri,
  scope: 'openid profile email roles',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})
say({ url: url.href })

const { callback } = await read()
const tokens = await client.authorizationCodeGrant(config, new URL(callback), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
  maxAge: 3600,
})
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
const told = await client.tokenIntrospection(config, tokens.access_token)
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
say({ claims, userinfo, active: told.active, refreshed: refreshed.claims().sub })

const leaving = client.buildEndSessionUrl(config, {
  id_token_hint: refreshed.id_token,
  post_logout_redirect_uri: given.after,
  state: 'bye',
})
say({ url: leaving.href })
await read()
const after = await client.tokenIntrospection(config, refreshed.access_token)
let error = ''
try {
  await client.refreshTokenGrant(config, refreshed.refresh_token)
} catch (refusal) {
  error = refusal.error
}
say({ active: after.active, error })
process.exit(0)
