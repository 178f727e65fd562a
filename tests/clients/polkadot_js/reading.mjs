// Storage, runtime calls, blocks, proofs and subscriptions.

import assert from 'node:assert/strict'
import { u8aToHex } from '@polkadot/util'
import { blake2AsHex } from '@polkadot/util-crypto'

import { take } from '../checks.mjs'

export async function checkReading(checks, session) {
  await checkStorage(checks, session)
  await checkRuntimeCalls(checks, session)
  await checkBlocks(checks, session)
  await checkSubscriptions(checks, session)
}

async function checkStorage(checks, session) {
  const { api, alice, bob, aliceEd } = session

  await checks.check('storage of one key', async () => {
    const account = await api.query.system.account(alice.address)
    assert(account.data.free.toBigInt() > session.enough)
    assert(account.providers.toNumber() >= 1)
    assert.equal(
      (await api.query.system.account(session.fresh('nobody').address)).nonce.toNumber(),
      0,
    )
    return { free: account.data.free.toString() }
  })

  await checks.check('storage of several keys', async () => {
    const accounts = await api.query.system.account.multi([
      alice.address,
      bob.address,
      aliceEd.address,
    ])
    assert.equal(accounts.length, 3)
    for (const account of accounts) assert(account.data.free.toBigInt() > 0n)
    const [account, now, issuance] = await api.queryMulti([
      [api.query.system.account, bob.address],
      [api.query.timestamp.now],
      [api.query.balances.totalIssuance],
    ])
    assert(account.data.free.toBigInt() > 0n)
    assert(now.toBigInt() > 1_600_000_000_000n)
    assert(issuance.toBigInt() > account.data.free.toBigInt())
  })

  await checks.check('storage entries', async () => {
    const entries = await api.query.system.account.entries()
    const addresses = entries.map(([key]) => key.args[0].toString())
    for (const pair of [alice, bob, aliceEd]) assert(addresses.includes(pair.address), pair.address)
    const total = entries.reduce(
      (sum, [, { data }]) => sum + data.free.toBigInt() + data.reserved.toBigInt(),
      0n,
    )
    const first = await api.query.system.account.keysPaged({ pageSize: 2, args: [] })
    const second = await api.query.system.account.keysPaged({
      pageSize: 2,
      args: [],
      startKey: first[1].toHex(),
    })
    assert.equal(first.length, 2)
    assert(second.every((key) => first.every((earlier) => !earlier.eq(key))))
    return { accounts: entries.length, total }
  })

  await checks.check('storage key, hash and size', async () => {
    const raw = (await api.rpc.state.getStorage(api.query.system.account.key(alice.address)))
      .unwrap()
      .toU8a(true)
    assert.equal((await api.query.system.account.size(alice.address)).toNumber(), raw.length)
    assert.equal((await api.query.system.account.hash(alice.address)).toHex(), blake2AsHex(raw))
    // The key that every Substrate chain uses, from its public description.
    assert.equal(
      api.query.system.number.key(),
      '0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac',
    )
    const code = await api.rpc.state.getStorageSize('0x3a636f6465')
    return { code: code.toNumber() }
  })

  await checks.check('storage at a past block', async () => {
    const past = await api.rpc.chain.getFinalizedHead()
    const before = await session.free(bob)
    await session.succeed(api.tx.balances.transferKeepAlive(bob.address, session.enough), alice, {
      until: 'Finalized',
    })
    assert.equal(await session.free(bob), before + session.enough)
    const then = await api.at(past)
    assert.equal((await then.query.system.account(bob.address)).data.free.toBigInt(), before)
    const genesis = await api.at(api.genesisHash)
    assert.equal((await genesis.query.system.number()).toNumber(), 0)
    assert((await genesis.query.system.account.entries()).length >= 3)
    const changes = await api.rpc.state.queryStorage(
      [api.query.system.account.key(bob.address)],
      past,
    )
    assert(changes.length >= 2)
  })
}

async function checkRuntimeCalls(checks, session) {
  const { api, alice, bob } = session

  await checks.check('runtime calls', async () => {
    const version = await api.call.core.version()
    assert.equal(version.specVersion.toNumber(), api.runtimeVersion.specVersion.toNumber())
    const nonce = (await api.call.accountNonceApi.accountNonce(alice.address)).toNumber()
    assert.equal(nonce, (await api.query.system.account(alice.address)).nonce.toNumber())
    assert.equal(nonce, (await api.rpc.system.accountNextIndex(alice.address)).toNumber())
    const tx = await api.tx.balances.transferKeepAlive(bob.address, 1n).signAsync(alice)
    const { call } = await api.at(await api.rpc.chain.getBlockHash())
    const info = await call.transactionPaymentApi.queryInfo(tx.toU8a(), tx.encodedLength)
    const details = await call.transactionPaymentApi.queryFeeDetails(tx.toU8a(), tx.encodedLength)
    const { baseFee, lenFee, adjustedWeightFee } = details.inclusionFee.unwrap()
    assert.equal(
      info.partialFee.toBigInt(),
      [baseFee, lenFee, adjustedWeightFee].reduce((sum, fee) => sum + fee.toBigInt(), 0n),
    )
    assert.equal(info.class.type, 'Normal')
    const byLength = await api.call.transactionPaymentApi.queryLengthToFee(tx.encodedLength)
    assert.equal(byLength.toBigInt(), lenFee.toBigInt())
    assert((await api.call.transactionPaymentApi.queryWeightToFee(info.weight)).toBigInt() > 0n)
    return { nonce, fee: info.partialFee.toString() }
  })

  await checks.check('validity as the pool sees it', async () => {
    const tx = await api.tx.system.remark('0x01').signAsync(alice)
    const at = await api.rpc.chain.getBlockHash()
    const validity = await api.call.taggedTransactionQueue.validateTransaction(
      'External',
      tx.toU8a(),
      at,
    )
    const valid = validity.asOk
    assert.equal(valid.provides.length, 1)
    assert(valid.longevity.toNumber() > 0)
    return { priority: valid.priority.toString() }
  })

  await checks.check('fee over rpc', async () => {
    const tx = await api.tx.balances.transferKeepAlive(bob.address, 1n).signAsync(alice)
    const at = await api.rpc.chain.getBlockHash()
    const details = await api.rpc.payment.queryFeeDetails(tx.toHex(), at)
    const fees = Object.values(details.inclusionFee.unwrap().toJSON()).reduce(
      (sum, fee) => sum + BigInt(fee),
      0n,
    )
    // The library's own decoder of this method dates from one-dimensional weights.
    const info = await api._rpcCore.provider.send('payment_queryInfo', [tx.toHex(), at.toHex()])
    assert.match(info.class, /^normal$/i)
    assert.equal(BigInt(info.partialFee), fees)
    assert(Number.isInteger(info.weight.ref_time) && Number.isInteger(info.weight.proof_size))
    return { fee: info.partialFee }
  })
}

async function checkBlocks(checks, session) {
  const { api, alice } = session

  await checks.check('header hash recomputed', async () => {
    let hash = await api.rpc.chain.getFinalizedHead()
    let numbers = 0
    for (; numbers < 20; numbers += 1) {
      const { block } = await api.rpc.chain.getBlock(hash)
      assert.equal(block.header.hash.toHex(), hash.toHex())
      if (block.header.number.toNumber() === 0) break
      hash = block.header.parentHash
    }
    return { blocks: numbers }
  })

  await checks.check('digests and seals', async () => {
    const header = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead())
    const kinds = header.digest.logs.map((log) => log.type)
    assert.equal(kinds[0], 'PreRuntime')
    assert.equal(kinds.at(-1), 'Seal')
    const [engine, slot] = header.digest.logs[0].asPreRuntime
    assert.equal(engine.toString(), 'aura')
    assert.equal(header.digest.logs.at(-1).asSeal[1].toU8a(true).length, 64)
    return { kinds, slot: slot.toHex() }
  })

  await checks.check('every block decodes', async () => {
    const last = (await api.rpc.chain.getHeader()).number.toNumber()
    let extrinsics = 0
    let events = 0
    for (let number = Math.max(1, last - 60); number <= last; number += 1) {
      const hash = await api.rpc.chain.getBlockHash(number)
      const { block } = await api.rpc.chain.getBlock(hash)
      assert.equal(block.extrinsics[0].method.section, 'timestamp')
      extrinsics += block.extrinsics.length
      const records = await (await api.at(hash)).query.system.events()
      for (const { phase } of records) {
        if (phase.isApplyExtrinsic)
          assert(phase.asApplyExtrinsic.toNumber() < block.extrinsics.length)
      }
      events += records.length
    }
    return { extrinsics, events }
  })

  await checks.check('derive', async () => {
    const balances = await api.derive.balances.all(alice.address)
    assert.equal(balances.freeBalance.toBigInt(), await session.free(alice))
    assert(balances.availableBalance.toBigInt() > 0n)
    const hash = await api.rpc.chain.getFinalizedHead()
    const { block, events, extrinsics } = await api.derive.chain.getBlock(hash)
    assert.equal(block.header.hash.toHex(), hash.toHex())
    assert.equal(extrinsics.length, block.extrinsics.length)
    assert(events.length > 0)
    assert(
      (await api.derive.chain.bestNumber()).toNumber() >=
        (await api.derive.chain.bestNumberFinalized()).toNumber(),
    )
    const { header, mortalLength, nonce } = await api.derive.tx.signingInfo(alice.address, -1)
    assert(header.number.toNumber() > 0 && mortalLength > 0 && nonce.toNumber() >= 0)
    const accounts = await api.derive.balances.account(alice.address)
    assert.equal(accounts.accountNonce.toNumber(), nonce.toNumber())
  })

  await checks.check('read proof', async () => {
    const hash = await api.rpc.chain.getFinalizedHead()
    const header = await api.rpc.chain.getHeader(hash)
    const { at, proof } = await api.rpc.state.getReadProof(
      [api.query.system.account.key(alice.address)],
      hash,
    )
    assert.equal(at.toHex(), hash.toHex())
    // The root's node is among them: its hash is the state root that the header commits to.
    assert(proof.some((node) => blake2AsHex(node.toU8a(true)) === header.stateRoot.toHex()))
    const raw = (
      await api.rpc.state.getStorage(api.query.system.account.key(alice.address), hash)
    ).unwrap()
    const hexes = proof.map((node) => u8aToHex(node.toU8a(true)).slice(2))
    assert(
      hexes.some((node) => node.includes(u8aToHex(raw.toU8a(true)).slice(2))),
      'the value is in the proof',
    )
    return { nodes: proof.length }
  })
}

async function checkSubscriptions(checks, session) {
  const { api, alice, bob } = session

  await checks.check('new heads', async () => {
    const heads = await take(3, (on) => api.rpc.chain.subscribeNewHeads(on))
    await follow(api, heads)
    const all = await take(2, (on) => api.rpc.chain.subscribeAllHeads(on))
    await follow(api, all)
  })

  await checks.check('finalized heads', async () => {
    const heads = await take(3, (on) => api.rpc.chain.subscribeFinalizedHeads(on))
    await follow(api, heads)
    const derived = await take(2, (on) => api.derive.chain.subscribeFinalizedHeads(on))
    await follow(api, derived)
  })

  await checks.check('storage subscription', async () => {
    const times = await take(3, (on) => api.query.timestamp.now((now) => on(now.toBigInt())))
    assert(times[0] < times[1] && times[1] < times[2], times.join())
    const balances = take(2, (on) =>
      api.query.system.account(bob.address, (account) => on(account.data.free.toBigInt())),
    )
    await session.succeed(api.tx.balances.transferKeepAlive(bob.address, session.enough), alice)
    const [before, after] = await balances
    assert.equal(after, before + session.enough)
  })

  await checks.check('runtime version subscription', async () => {
    const [version] = await take(1, (on) => api.rpc.state.subscribeRuntimeVersion(on))
    assert.equal(version.specVersion.toNumber(), api.runtimeVersion.specVersion.toNumber())
  })
}

/** Demands that the heads are a rising chain and that each hash is the node's own. */
async function follow(api, heads) {
  for (const [i, head] of heads.entries()) {
    const number = head.number.toNumber()
    if (i) assert.equal(number, heads[i - 1].number.toNumber() + 1)
    assert.equal(head.hash.toHex(), (await api.rpc.chain.getBlockHash(number)).toHex())
  }
}
