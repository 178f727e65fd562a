// Storage, runtime calls, blocks and subscriptions.

import assert from 'node:assert/strict'
import { blockHeader, validateProofs } from '@polkadot-api/substrate-bindings'
import { blake2AsHex } from '@polkadot/util-crypto'
import { Enum } from 'polkadot-api'

import { refusal, take } from '../checks.mjs'
import { unprefixed } from './session.mjs'

export async function checkReading(checks, session) {
  await checkStorage(checks, session)
  await checkRuntimeCalls(checks, session)
  await checkBlocks(checks, session)
}

async function checkStorage(checks, session) {
  const { api, client, alice, bob, aliceEd } = session

  await checks.check('storage of one key', async () => {
    const account = await api.query.System.Account.getValue(alice.address)
    assert(account.data.free > 0n && account.providers >= 1)
    const nobody = await api.query.System.Account.getValue(session.fresh('nobody').address)
    assert.equal(nobody.data.free, 0n)
    assert.equal(
      await api.query.System.Account.getKey(),
      '0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9',
    )
    assert((await client.rawQuery(':code')).length > 4)
    return { free: account.data.free }
  })

  await checks.check('storage of several keys', async () => {
    const accounts = await api.query.System.Account.getValues([
      [alice.address],
      [bob.address],
      [aliceEd.address],
    ])
    for (const { data } of accounts) assert(data.free > 0n)
    assert(
      (await api.query.Balances.TotalIssuance.getValue()) >=
        accounts.reduce((sum, { data }) => sum + data.free, 0n),
    )
    assert((await api.query.Timestamp.Now.getValue()) > 1_600_000_000_000n)
  })

  await checks.check('storage entries', async () => {
    const entries = await api.query.System.Account.getEntries()
    const addresses = entries.map(({ keyArgs }) => keyArgs[0])
    for (const { address } of [alice, bob, aliceEd]) assert(addresses.includes(address), address)
    return { accounts: entries.length }
  })

  await checks.check('storage at a past block', async () => {
    const past = await client.getFinalizedBlock()
    const release = client.hodlBlock(past.hash)
    const enough = await session.enough()
    const before = await session.free(bob)
    await session.succeed(session.transfer(bob, enough), alice)
    assert.equal(await session.free(bob), before + enough)
    assert.equal(await session.free(bob, { at: past.hash }), before)
    assert.equal(await api.query.System.Number.getValue({ at: past.hash }), past.number)
    release()
  })

  await checks.check('storage subscription', async () => {
    const times = await take(3, subscribing(api.query.Timestamp.Now.watchValue({ at: 'best' })))
    assert(times[0].value < times[1].value && times[1].value < times[2].value)
    const enough = await session.enough()
    const before = await session.free(bob)
    const changed = until(
      api.query.System.Account.watchValue(bob.address),
      ({ value }) => value.data.free === before + enough,
    )
    const { block } = await session.succeed(session.transfer(bob, enough), alice)
    assert.equal((await changed).block.hash, block.hash)
  })

  await checks.check('entries subscription', async () => {
    const child = session.fresh('watched')
    const born = until(api.query.System.Account.watchEntries(), ({ deltas }) =>
      deltas?.upserted.some(({ args }) => args[0] === child.address),
    )
    const { block } = await session.succeed(session.transfer(child, await session.enough()), alice)
    const seen = await born
    assert.equal(seen.block.hash, block.hash)
    assert(seen.entries.length > 3)
  })
}

async function checkRuntimeCalls(checks, session) {
  const { api, client, alice, bob } = session

  await checks.check('runtime calls', async () => {
    const nonce = await api.apis.AccountNonceApi.account_nonce(alice.address)
    assert.equal(nonce, (await api.query.System.Account.getValue(alice.address)).nonce)
    assert.deepEqual(
      (await api.apis.Metadata.metadata_versions()).filter((version) => version < 100),
      [14, 15, 16],
    )
    assert((await api.apis.TransactionPaymentApi.query_length_to_fee(100)) > 0n)
    const raw = unprefixed(await session.transfer(bob, 1n).sign(alice.signer))
    const info = await api.apis.TransactionPaymentApi.query_info(raw, raw.length)
    assert(info.partial_fee > 0n && info.weight.ref_time > 0n)
    assert.equal(info.class.type, 'Normal')
    return { nonce, fee: info.partial_fee }
  })

  await checks.check('validity as the pool sees it', async () => {
    const raw = unprefixed(await session.transfer(bob, 1n).sign(alice.signer))
    const { hash } = await client.getFinalizedBlock()
    const validity = await api.apis.TaggedTransactionQueue.validate_transaction(
      Enum('External'),
      raw,
      hash,
    )
    assert(validity.success)
    assert.equal(validity.value.provides.length, 1)
  })
}

async function checkBlocks(checks, session) {
  const { api, client } = session

  await checks.check('header hash recomputed', async () => {
    const blocks = await take(3, subscribing(client.finalizedBlock$))
    for (const [i, block] of blocks.entries()) {
      const header = await client.getBlockHeader(block.hash)
      assert.equal(header.number, block.number)
      assert.equal(blake2AsHex(blockHeader.enc(header)), block.hash)
      if (i) assert.equal(header.parentHash, blocks[i - 1].hash)
      const kinds = header.digests.map(({ type }) => type)
      assert.equal(kinds[0], 'preRuntime')
      assert.equal(kinds.at(-1), 'seal')
    }
    return { last: blocks.at(-1).number }
  })

  await checks.check('best blocks', async () => {
    const lists = await take(3, subscribing(client.bestBlocks$))
    for (const [best] of lists) assert(best.number > 0)
    assert(lists[2][0].number > lists[0][0].number || lists[2].length !== lists[0].length)
    const fresh = await take(2, subscribing(client.blocks$))
    assert.equal(fresh[1].parent, fresh[0].hash)
  })

  await checks.check('block body and events', async () => {
    const { hash } = await client.getFinalizedBlock()
    const [inherent] = await client.getBlockBody(hash)
    assert(inherent.length > 4)
    const events = await api.query.System.Events.getValue({ at: hash })
    assert(
      events.some(
        ({ event }) => event.type === 'System' && event.value.type === 'ExtrinsicSuccess',
      ),
    )
    return { events: events.length }
  })

  await checks.check('event subscription', async () => {
    const [{ events }] = await take(1, subscribing(api.event.System.ExtrinsicSuccess.watch()))
    assert(events.length > 0)
    assert(events[0].payload.dispatch_info.weight.ref_time >= 0n)
  })

  await checks.check('read proof', async () => {
    const { hash } = await client.getFinalizedBlock()
    const key = await api.query.System.Account.getKey(session.alice.address)
    const { proof } = await client._request('state_getReadProof', [[key], hash])
    const proven = validateProofs(proof)
    assert.equal(proven.rootHash, (await client.getBlockHeader(hash)).stateRoot)
    const value = await client.rawQuery(key, { at: hash })
    assert(JSON.stringify(proven.proofs).includes(value.slice(2)), 'the value is in the proof')
    return { nodes: proof.length }
  })

  await checks.check('archive', async () => {
    if (session.legacy) return { untried: 'the legacy methods have no archive' }
    const height = await client._request('archive_v1_finalizedHeight', [])
    const [hash] = await client._request('archive_v1_hashByHeight', [height])
    const header = await client._request('archive_v1_header', [hash])
    assert.equal(blake2AsHex(header), hash)
    const body = await client._request('archive_v1_body', [hash])
    assert(body.length >= 1)
    assert.equal(
      await client._request('archive_v1_genesisHash', []),
      (await client.getChainSpecData()).genesisHash,
    )
    const version = await client._request('archive_v1_call', [hash, 'Core_version', '0x'])
    assert.equal(version.success, true)
    assert.equal(await client._request('archive_v1_header', [`0x${'00'.repeat(32)}`]), null)
    return { height }
  })

  await checks.check('an unknown method is named in the refusal', async () => {
    const error = await refusal(() => client._request('chain_doesNotExist', []))
    assert.equal(error.code, -32601)
    return { message: error.message }
  })
}

/** The first value that the predicate accepts. */
function until(observable, accepts) {
  return take(1, (on) =>
    subscribing(observable)((value) => {
      if (accepts(value)) on(value)
    }),
  ).then(([value]) => value)
}

/** A subscription in the form that `take` wants. */
function subscribing(observable) {
  return (on) => {
    const subscription = observable.subscribe({
      next: on,
      error: (error) => {
        throw error
      },
    })
    return () => subscription.unsubscribe()
  }
}
