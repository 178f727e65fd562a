// Signed extrinsics from the key to the finalized block.

import assert from 'node:assert/strict'
import { u8aConcat } from '@polkadot/util'
import { blake2AsHex } from '@polkadot/util-crypto'

export async function checkTransactions(checks, session) {
  const { api, alice, bob, charlie, aliceEd } = session
  const transfer = (value = session.enough) => api.tx.balances.transferKeepAlive(bob.address, value)

  await checks.check('transfer signed by sr25519, watched to finalized', async () => {
    const before = await session.free(bob)
    const outcome = await session.succeed(transfer(), alice, { until: 'Finalized' })
    assert.deepEqual(
      outcome.statuses.filter((status) => status !== 'Broadcast'),
      ['Ready', 'InBlock', 'Finalized'],
    )
    const { from, to, amount } = session.fieldsOf(outcome, 'balances', 'Transfer')
    assert.equal(from.toString(), alice.address)
    assert.equal(to.toString(), bob.address)
    assert.equal(amount.toBigInt(), session.enough)
    assert.equal(await session.free(bob), before + session.enough)
    const { block } = await api.rpc.chain.getBlock(outcome.block)
    assert.equal(block.extrinsics[outcome.index].hash.toHex(), outcome.hash)
    assert.equal(block.extrinsics[outcome.index].signer.toString(), alice.address)
    return { events: outcome.events.map((event) => `${event.section}.${event.method}`) }
  })

  await checks.check('transfer signed by ed25519', async () => {
    const outcome = await session.succeed(transfer(), aliceEd)
    assert.equal(session.fieldsOf(outcome, 'balances', 'Transfer').from.toString(), aliceEd.address)
    const { block } = await api.rpc.chain.getBlock(outcome.block)
    assert(block.extrinsics[outcome.index].signature.length === 64)
  })

  await checks.check('a new account is born', async () => {
    const child = session.fresh('child')
    const outcome = await session.succeed(
      api.tx.balances.transferAllowDeath(child.address, session.enough),
      alice,
    )
    assert.equal(
      session.fieldsOf(outcome, 'system', 'NewAccount').account.toString(),
      child.address,
    )
    assert.equal(
      session.fieldsOf(outcome, 'balances', 'Endowed').freeBalance.toBigInt(),
      session.enough,
    )
    assert.equal(await session.free(child), session.enough)
  })

  await checks.check('mortal', async () => {
    const outcome = await session.succeed(transfer(), alice, { era: 16 })
    const { era } = (await api.rpc.chain.getBlock(outcome.block)).block.extrinsics[outcome.index]
    assert(era.isMortalEra)
    assert.equal(era.asMortalEra.period.toNumber(), 16)
  })

  await checks.check('immortal', async () => {
    const outcome = await session.succeed(transfer(), alice, { era: 0 })
    const { era } = (await api.rpc.chain.getBlock(outcome.block)).block.extrinsics[outcome.index]
    assert(era.isImmortalEra)
  })

  await checks.check('with a tip', async () => {
    const outcome = await session.succeed(transfer(), alice, { tip: 7_777n })
    const paid = session.fieldsOf(outcome, 'transactionPayment', 'TransactionFeePaid')
    assert.equal(paid.tip.toBigInt(), 7_777n)
    assert(paid.actualFee.toBigInt() > 7_777n)
  })

  await checks.check('payload over 256 bytes', async () => {
    const remark = '文'.repeat(120)
    const outcome = await session.succeed(api.tx.system.remarkWithEvent(remark), alice)
    const { sender, hash } = session.fieldsOf(outcome, 'system', 'Remarked')
    assert.equal(sender.toString(), alice.address)
    assert.equal(hash.toHex(), blake2AsHex(Buffer.from(remark)))
  })

  await checks.check('fee query equals what is withdrawn', async () => {
    const quoted = (await transfer().paymentInfo(charlie)).partialFee.toBigInt()
    const before = await session.free(charlie)
    const outcome = await session.succeed(transfer(), charlie)
    const paid = session
      .fieldsOf(outcome, 'transactionPayment', 'TransactionFeePaid')
      .actualFee.toBigInt()
    assert.equal(before - (await session.free(charlie)), paid + session.enough)
    // The multiplier moves with every block: exact is the quote at the parent of the block.
    const { block } = await api.rpc.chain.getBlock(outcome.block)
    const raw = block.extrinsics[outcome.index].toU8a()
    const then = await api.at(block.header.parentHash)
    const { partialFee, weight } = await then.call.transactionPaymentApi.queryInfo(raw, raw.length)
    assert.equal(paid, partialFee.toBigInt())
    assert(Math.abs(Number(quoted - paid)) < Number(paid) / 1000, `${quoted} quoted, ${paid} paid`)
    const { dispatchInfo } = session.fieldsOf(outcome, 'system', 'ExtrinsicSuccess')
    assert(dispatchInfo.weight.refTime.toBigInt() > 0n)
    return { quoted, paid, refTime: weight.refTime.toString() }
  })

  await checks.check('signed by a wallet', async () => {
    // What a browser extension does: it receives the payload as JSON and returns a signature.
    const signer = {
      signPayload: async (payload) => {
        const typed = api.registry.createType('ExtrinsicPayload', payload, {
          version: payload.version,
        })
        return { id: 1, ...typed.sign(alice) }
      },
    }
    const before = await session.free(bob)
    await session.succeed(transfer(), alice.address, { signer })
    assert.equal(await session.free(bob), before + session.enough)
  })

  await checks.check('a message signed by a wallet is no transaction', async () => {
    const tx = await transfer().signAsync(alice)
    const { genesisHash, runtimeVersion } = api
    const header = await api.rpc.chain.getHeader()
    const payload = api.registry.createType(
      'ExtrinsicPayload',
      {
        method: tx.method.toHex(),
        era: tx.era.toHex(),
        nonce: tx.nonce,
        tip: 0,
        genesisHash,
        blockHash: await api.rpc.chain.getBlockHash(
          tx.era.asMortalEra.birth(header.number.toNumber()),
        ),
        specVersion: runtimeVersion.specVersion,
        transactionVersion: runtimeVersion.transactionVersion,
      },
      { version: 4 },
    )
    const wrapped = u8aConcat('<Bytes>', payload.toU8a({ method: true }), '</Bytes>')
    tx.addSignature(alice.address, u8aConcat([1], alice.sign(wrapped)), payload.toHex())
    await assert.rejects(() => api.rpc.author.submitExtrinsic(tx), /1010/)
  })

  await checks.check('two in a row, the second first', async () => {
    const nonce = (await api.rpc.system.accountNextIndex(charlie.address)).toNumber()
    let later
    const waiting = await new Promise((resolve, reject) => {
      later = session.submit(transfer(), charlie, { nonce: nonce + 1, onStatus: resolve })
      later.catch(reject)
    })
    assert.equal(waiting, 'Future')
    assert.equal((await api.rpc.system.accountNextIndex(charlie.address)).toNumber(), nonce)
    const [second, first] = await Promise.all([
      later,
      session.submit(transfer(), charlie, { nonce }),
    ])
    assert.deepEqual([first.error, second.error], [undefined, undefined])
    assert.deepEqual(
      second.statuses.filter((status) => status !== 'Broadcast'),
      ['Future', 'Ready', 'InBlock'],
    )
  })

  await checks.check('pending extrinsics', async () => {
    const pending = await api.rpc.author.pendingExtrinsics()
    assert(pending.every((extrinsic) => extrinsic.isSigned))
  })

  await checks.check('dry run', async () => {
    const good = await transfer().signAsync(alice)
    const outcome = await api.rpc.system.dryRun(good.toHex())
    assert(outcome.isOk && outcome.asOk.isOk, outcome.toString())
    const bad = await api.tx.balances.transferAllowDeath(bob.address, 1n << 120n).signAsync(alice)
    const failure = await api.rpc.system.dryRun(bad.toHex())
    // The library's own type of this answer calls the first token error by its former name.
    assert.equal(session.nameOf(failure.asOk.asErr), 'Token.NoFunds')
    assert.equal(
      (await api.query.system.account(alice.address)).nonce.toNumber(),
      good.nonce.toNumber(),
    )
  })
}
