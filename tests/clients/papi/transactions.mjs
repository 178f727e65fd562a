// Signed extrinsics from the key to the finalized block, and what is refused.

import assert from 'node:assert/strict'
import { blake2AsHex } from '@polkadot/util-crypto'
import { Enum } from 'polkadot-api'
import { toHex } from 'polkadot-api/utils'

import { refusal } from '../checks.mjs'
import { fieldsOf, namesOf, unprefixed } from './session.mjs'

export async function checkTransactions(checks, session) {
  const { api, client, alice, bob, charlie, dave, aliceEd } = session
  const enough = await session.enough()
  const transfer = () => session.transfer(bob, enough)

  await checks.check('transfer signed by sr25519, watched to finalized', async () => {
    const before = await session.free(bob)
    const seen = []
    await new Promise((resolve, reject) => {
      transfer()
        .signSubmitAndWatch(alice.signer)
        .subscribe({ next: (event) => seen.push(event), complete: resolve, error: reject })
    })
    const kinds = seen.map(({ type, found }) =>
      type === 'txBestBlocksState' ? `${type}:${found}` : type,
    )
    assert.deepEqual(
      kinds.filter((kind, i) => kind !== 'txBestBlocksState:false' || i === kinds.length - 1),
      ['signed', 'broadcasted', 'txBestBlocksState:true', 'finalized'],
    )
    const final = seen.at(-1)
    assert(final.ok)
    const { from, to, amount } = fieldsOf(final, 'Balances', 'Transfer')
    assert.deepEqual([from, to, amount], [alice.address, bob.address, enough])
    assert.equal(await session.free(bob), before + enough)
    const body = await client.getBlockBody(final.block.hash)
    assert.equal(blake2AsHex(body[final.block.index]), final.txHash)
    return { kinds, events: namesOf(final.events) }
  })

  await checks.check('transfer signed by ed25519', async () => {
    const outcome = await session.succeed(transfer(), aliceEd)
    assert.equal(fieldsOf(outcome, 'Balances', 'Transfer').from, aliceEd.address)
  })

  await checks.check('a new account is born', async () => {
    const child = session.fresh('child')
    const outcome = await session.succeed(session.transfer(child, enough), alice)
    assert.equal(fieldsOf(outcome, 'System', 'NewAccount').account, child.address)
    assert.equal(fieldsOf(outcome, 'Balances', 'Endowed').free_balance, enough)
  })

  await checks.check('mortal', async () => {
    await session.succeed(transfer(), alice, { mortality: { mortal: true, period: 16 } })
  })

  await checks.check('immortal', async () => {
    await session.succeed(transfer(), alice, { mortality: { mortal: false } })
  })

  await checks.check('with a tip', async () => {
    const outcome = await session.succeed(transfer(), alice, { tip: 7_777n })
    const { tip, actual_fee: fee } = fieldsOf(outcome, 'TransactionPayment', 'TransactionFeePaid')
    assert.equal(tip, 7_777n)
    assert(fee > tip)
  })

  await checks.check('payload over 256 bytes', async () => {
    const remark = new Uint8Array(400).fill(0x7a)
    const outcome = await session.succeed(api.tx.System.remark_with_event({ remark }), alice)
    const { sender, hash } = fieldsOf(outcome, 'System', 'Remarked')
    assert.deepEqual([sender, hash], [alice.address, blake2AsHex(remark)])
  })

  await checks.check('fee query equals what is withdrawn', async () => {
    const quoted = await transfer().getEstimatedFees(charlie.address)
    assert((await transfer().getPaymentInfo(charlie.address)).partial_fee > 0n)
    const before = await session.free(charlie)
    const { block, ...outcome } = await session.succeed(transfer(), charlie)
    const paid = fieldsOf(outcome, 'TransactionPayment', 'TransactionFeePaid').actual_fee
    assert.equal(before - (await session.free(charlie)), paid + enough)
    // The multiplier moves with every block: exact is the quote at the parent of the block.
    const { parentHash: at } = await client.getBlockHeader(block.hash)
    const raw = unprefixed((await client.getBlockBody(block.hash))[block.index])
    const exact = await api.apis.TransactionPaymentApi.query_info(raw, raw.length + 2, { at })
    assert.equal(paid, exact.partial_fee)
    assert(Math.abs(Number(quoted - paid)) < Number(paid) / 1000, `${quoted} quoted, ${paid} paid`)
    return { quoted, paid }
  })

  await checks.check('built from call data', async () => {
    const data = await transfer().getEncodedData()
    const tx = await api.txFromCallData(data)
    assert.equal(tx.decodedCall.value.type, 'transfer_keep_alive')
    const raw = await tx.sign(alice.signer)
    const outcome = await client.submit(raw)
    assert(outcome.ok)
    assert.equal(outcome.txHash, blake2AsHex(raw))
  })

  await checks.check('dry run', async () => {
    const good = toHex(await transfer().sign(alice.signer))
    assert.equal(await client._request('system_dryRun', [good]), '0x0000')
    const beyond = api.tx.Balances.transfer_allow_death({
      dest: Enum('Id', bob.address),
      value: 1n << 120n,
    })
    // Applied, but failed: Ok(Err(Token(FundsUnavailable))).
    assert.equal(
      await client._request('system_dryRun', [toHex(await beyond.sign(alice.signer))]),
      '0x00010700',
    )
  })

  await checks.check('watched by the new methods', async () => {
    if (session.legacy) return { untried: 'the legacy methods watch in another way' }
    const raw = toHex(await transfer().sign(alice.signer))
    const seen = []
    await new Promise((resolve, reject) => {
      const subscription = client
        ._subscribe('transactionWatch_v1_submitAndWatch', 'transactionWatch_v1_unwatch', [raw])
        .subscribe({
          next: (event) => {
            seen.push(event.event)
            if (event.event !== 'finalized') return
            assert.match(event.block.hash, /^0x[0-9a-f]{64}$/)
            resolve(queueMicrotask(() => subscription.unsubscribe()))
          },
          error: reject,
        })
    })
    assert.deepEqual(
      seen.filter((event) => event !== 'broadcasted'),
      ['validated', 'bestChainBlockIncluded', 'finalized'],
    )
  })

  await checks.check('a failed call is decoded to its error', async () => {
    const beyond = api.tx.Balances.transfer_allow_death({
      dest: Enum('Id', bob.address),
      value: 1n << 120n,
    })
    await session.fail(beyond, dave, 'Token.FundsUnavailable')
    const small = api.tx.Balances.transfer_allow_death({
      dest: Enum('Id', session.fresh('poor').address),
      value: 1n,
    })
    await session.fail(small, dave, 'Token.BelowMinimum')
    await session.fail(
      api.tx.Balances.force_set_balance({ who: Enum('Id', bob.address), new_free: 1n }),
      dave,
      'BadOrigin',
    )
  })

  await checks.check('a stale nonce is refused', async () => {
    const error = await refusal(() => transfer().signAndSubmit(alice.signer, { nonce: 0 }))
    assert.equal(error.name, 'InvalidTxError')
    assert.deepEqual([error.error.type, error.error.value.type], ['Invalid', 'Stale'])
  })

  await checks.check('a changed signature is refused', async () => {
    const raw = await transfer().sign(alice.signer)
    raw[60] ^= 1
    const error = await refusal(() => client.submit(raw))
    assert.deepEqual(
      [error.error?.type, error.error?.value?.type],
      ['Invalid', 'BadProof'],
      error.message,
    )
  })

  await checks.check('a payer without means is refused', async () => {
    const error = await refusal(() => transfer().signAndSubmit(session.fresh('penniless').signer))
    assert.deepEqual(
      [error.error?.type, error.error?.value?.type],
      ['Invalid', 'Payment'],
      error.message,
    )
  })
}
