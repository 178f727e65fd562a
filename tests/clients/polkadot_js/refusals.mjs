// What the node must not take, and how it says so.

import assert from 'node:assert/strict'

import { refusal } from '../checks.mjs'

export async function checkRefusals(checks, session) {
  const { api, alice, bob, dave } = session
  const transfer = () => api.tx.balances.transferKeepAlive(bob.address, session.enough)

  await checks.check('a failed call is decoded to its error', async () => {
    const outcome = await session.fail(
      api.tx.balances.transferAllowDeath(bob.address, 1n << 120n),
      dave,
      'Token.FundsUnavailable',
    )
    const { dispatchInfo } = session.fieldsOf(outcome, 'system', 'ExtrinsicFailed')
    assert.equal(dispatchInfo.paysFee.type, 'Yes')
    await session.fail(
      api.tx.balances.transferAllowDeath(session.fresh('poor').address, 1n),
      dave,
      'Token.BelowMinimum',
    )
    await session.fail(api.tx.balances.forceSetBalance(bob.address, 1n), dave, 'BadOrigin')
    await session.fail(
      api.tx.balances.transferAllowDeath({ Address20: `0x${'07'.repeat(20)}` }, 1n),
      dave,
      'CannotLookup',
    )
  })

  await checks.check('a stale nonce is refused', async () => {
    await session.succeed(transfer(), alice)
    const error = await refusal(() => transfer().signAndSend(alice, { nonce: 0 }))
    assert.match(error.message, /1010: Invalid Transaction/)
    assert.match(`${error.message} ${error.data}`, /outdated|stale/i)
    return { message: error.message }
  })

  await checks.check('a changed signature is refused', async () => {
    const raw = (await transfer().signAsync(alice)).toU8a()
    raw[60] ^= 1
    const error = await refusal(() =>
      api.rpc.author.submitExtrinsic(`0x${Buffer.from(raw).toString('hex')}`),
    )
    assert.match(error.message, /1010: Invalid Transaction/)
    assert.match(`${error.message} ${error.data}`, /signature|BadProof/i)
    return { message: error.message }
  })

  await checks.check('a payer without means is refused', async () => {
    const error = await refusal(() => transfer().signAndSend(session.fresh('penniless')))
    assert.match(error.message, /1010: Invalid Transaction/)
    return { message: error.message }
  })

  await checks.check("another chain's extrinsic is refused", async () => {
    const tx = transfer().sign(alice, {
      blockHash: `0x${'11'.repeat(32)}`,
      genesisHash: `0x${'11'.repeat(32)}`,
      era: '0x00',
      nonce: await api.rpc.system.accountNextIndex(alice.address),
      runtimeVersion: api.runtimeVersion,
      signedExtensions: api.registry.signedExtensions,
    })
    const error = await refusal(() => api.rpc.author.submitExtrinsic(tx))
    assert.match(error.message, /1010/)
    return { message: error.message }
  })

  await checks.check('noise is refused', async () => {
    const messages = []
    for (const noise of [
      '0x',
      '0x00',
      '0x280402000bd0a9d3d49501',
      '0xffffffff',
      `0x${'84'.repeat(90)}`,
    ]) {
      const error = await refusal(() =>
        api._rpcCore.provider.send('author_submitExtrinsic', [noise]),
      )
      assert(error.code < 0 || error.code >= 1000, String(error.code))
      messages.push(error.message)
    }
    return { messages }
  })

  await checks.check('an inherent from outside is refused', async () => {
    const error = await refusal(() =>
      api.rpc.author.submitExtrinsic(api.tx.timestamp.set(Date.now()).toHex()),
    )
    assert.match(error.message, /1010|1011/)
    return { message: error.message }
  })
}
