// The pallets beyond the core: each call, event, error and item must be shown under its own name.

import assert from 'node:assert/strict'
import { createKeyMulti, encodeAddress } from '@polkadot/util-crypto'
import { u8aToHex } from '@polkadot/util'

export async function checkPallets(checks, session) {
  await checkUtility(checks, session)
  await checkAssets(checks, session)
  await checkMultisig(checks, session)
  await checkProxy(checks, session)
  await checkPreimage(checks, session)
  await checkScheduler(checks, session)
  await checkSudo(checks, session)
}

async function checkUtility(checks, session) {
  const { api, bob, dave } = session
  const good = () => api.tx.balances.transferKeepAlive(bob.address, session.enough)
  const bad = () => api.tx.balances.transferAllowDeath(bob.address, 1n << 120n)

  await checks.check('utility.batch', async () => {
    const before = await session.free(bob)
    const whole = await session.succeed(
      api.tx.utility.batch([good(), good(), api.tx.system.remark('0x02')]),
      dave,
    )
    session.fieldsOf(whole, 'utility', 'BatchCompleted')
    assert.equal(whole.events.filter((event) => event.method === 'ItemCompleted').length, 3)
    assert.equal(await session.free(bob), before + 2n * session.enough)
    const cut = await session.succeed(api.tx.utility.batch([good(), bad(), good()]), dave)
    const { index, error } = session.fieldsOf(cut, 'utility', 'BatchInterrupted')
    assert.equal(index.toNumber(), 1)
    assert.equal(session.nameOf(error), 'Token.FundsUnavailable')
    assert.equal(await session.free(bob), before + 3n * session.enough)
  })

  await checks.check('utility.batch_all', async () => {
    const before = await session.free(bob)
    await session.fail(api.tx.utility.batchAll([good(), bad()]), dave, 'Token.FundsUnavailable')
    await session.fail(
      api.tx.utility.batchAll([good(), api.tx.assets.destroyAccounts(4_000_000_000)]),
      dave,
      'assets.Unknown',
    )
    assert.equal(await session.free(bob), before)
    await session.succeed(api.tx.utility.batchAll([good(), good()]), dave)
    assert.equal(await session.free(bob), before + 2n * session.enough)
  })

  await checks.check('utility.force_batch', async () => {
    const outcome = await session.succeed(api.tx.utility.forceBatch([bad(), good()]), dave)
    const { error } = session.fieldsOf(outcome, 'utility', 'ItemFailed')
    assert.equal(session.nameOf(error), 'Token.FundsUnavailable')
    session.fieldsOf(outcome, 'utility', 'BatchCompletedWithErrors')
  })

  await checks.check('utility.as_derivative', async () => {
    const outcome = await session.fail(
      api.tx.utility.asDerivative(3, good()),
      dave,
      'Token.FundsUnavailable',
    )
    assert.equal(outcome.events.at(-1).method, 'ExtrinsicFailed')
  })
}

async function checkAssets(checks, session) {
  const { api, alice, bob, dave } = session
  const id = 1_000_000 + (Date.now() % 1_000_000)

  await checks.check('assets', async () => {
    const created = await session.succeed(api.tx.assets.create(id, dave.address, 10n), dave)
    const { assetId, creator, owner } = session.fieldsOf(created, 'assets', 'Created')
    assert.equal(assetId.toNumber(), id)
    assert.equal(creator.toString(), dave.address)
    assert.equal(owner.toString(), dave.address)
    const issued = await session.succeed(
      api.tx.utility.batchAll([
        api.tx.assets.setMetadata(id, 'Commune voucher', 'VCH', 4),
        api.tx.assets.mint(id, dave.address, 1_000_000n),
        api.tx.assets.transferKeepAlive(id, bob.address, 1_234n),
        api.tx.assets.approveTransfer(id, bob.address, 50n),
      ]),
      dave,
    )
    assert.equal(session.fieldsOf(issued, 'assets', 'Transferred').amount.toBigInt(), 1_234n)
    assert.equal(session.fieldsOf(issued, 'assets', 'Issued').amount.toBigInt(), 1_000_000n)
    assert.equal(session.fieldsOf(issued, 'assets', 'MetadataSet').symbol.toUtf8(), 'VCH')
  })

  await checks.check('assets storage', async () => {
    const asset = (await api.query.assets.asset(id)).unwrap()
    assert.equal(asset.supply.toBigInt(), 1_000_000n)
    assert.equal(asset.owner.toString(), dave.address)
    assert.equal(asset.accounts.toNumber(), 2)
    assert.equal(asset.status.type, 'Live')
    const metadata = await api.query.assets.metadata(id)
    assert.equal(metadata.name.toUtf8(), 'Commune voucher')
    assert.equal(metadata.decimals.toNumber(), 4)
    const holders = await api.query.assets.account.entries(id)
    const balances = Object.fromEntries(
      holders.map(([key, value]) => [key.args[1].toString(), value.unwrap().balance.toNumber()]),
    )
    assert.deepEqual(balances, { [bob.address]: 1_234, [dave.address]: 998_766 })
    assert.equal(
      (await api.query.assets.approvals(id, dave.address, bob.address)).unwrap().amount.toNumber(),
      50,
    )
    assert((await api.query.assets.account(id, alice.address)).isNone)
  })

  await checks.check('assets errors', async () => {
    await session.fail(
      api.tx.assets.transfer(id, bob.address, 1n << 100n),
      dave,
      'assets.BalanceLow',
    )
    await session.fail(api.tx.assets.mint(id, bob.address, 1n), bob, 'assets.NoPermission')
    await session.fail(api.tx.assets.create(id, dave.address, 10n), dave, 'assets.InUse')
    await session.fail(
      api.tx.assets.transferApproved(id, dave.address, bob.address, 51n),
      bob,
      'assets.Unapproved',
    )
  })
}

async function checkMultisig(checks, session) {
  const { api, alice, bob, charlie, dave } = session
  const threshold = 2
  const others = (pair) =>
    [bob, charlie, dave]
      .filter((one) => one !== pair)
      .sort((a, b) => Buffer.compare(a.publicKey, b.publicKey))
      .map((one) => one.address)
  const address = encodeAddress(
    createKeyMulti(
      [bob, charlie, dave].map((one) => one.address),
      threshold,
    ),
    api.registry.chainSS58,
  )

  await checks.check('multisig', async () => {
    await session.succeed(api.tx.balances.transferKeepAlive(address, session.enough * 100n), alice)
    const call = api.tx.balances.transferKeepAlive(alice.address, session.enough)
    const callHash = call.method.hash.toHex()
    const weight = (await call.paymentInfo(bob)).weight
    const started = await session.succeed(
      api.tx.multisig.asMulti(threshold, others(bob), null, call, weight),
      bob,
    )
    const fresh = session.fieldsOf(started, 'multisig', 'NewMultisig')
    assert.equal(fresh.multisig.toString(), address)
    assert.equal(fresh.callHash.toHex(), callHash)

    const entries = await api.query.multisig.multisigs.entries(address)
    const [, pending] = entries.find(([key]) => key.args[1].toHex() === callHash)
    const { when, depositor, approvals, deposit } = pending.unwrap()
    assert.equal(depositor.toString(), bob.address)
    assert.deepEqual(approvals.map(String), [bob.address])
    assert(deposit.toBigInt() > 0n)

    await session.fail(
      api.tx.multisig.approveAsMulti(threshold, others(bob), when, callHash, weight),
      bob,
      'multisig.AlreadyApproved',
    )
    await session.fail(
      api.tx.multisig.approveAsMulti(threshold, others(charlie), null, callHash, weight),
      charlie,
      'multisig.NoTimepoint',
    )
    const before = await session.free(alice)
    const done = await session.succeed(
      api.tx.multisig.asMulti(threshold, others(charlie), when, call, weight),
      charlie,
    )
    const executed = session.fieldsOf(done, 'multisig', 'MultisigExecuted')
    assert(executed.result.isOk, executed.result.toString())
    assert.equal(executed.approving.toString(), charlie.address)
    assert.equal(await session.free(alice), before + session.enough)
    assert((await api.query.multisig.multisigs(address, callHash)).isNone)
  })

  await checks.check('multisig errors', async () => {
    const call = api.tx.system.remark('0x03')
    await session.fail(
      api.tx.multisig.asMulti(1, others(bob), null, call, { refTime: 0, proofSize: 0 }),
      bob,
      'multisig.MinimumThreshold',
    )
    await session.fail(
      api.tx.multisig.asMulti(2, others(bob).reverse(), null, call, { refTime: 0, proofSize: 0 }),
      bob,
      'multisig.SignatoriesOutOfOrder',
    )
  })
}

async function checkProxy(checks, session) {
  const { api, alice, bob, eve, ferdie } = session

  await checks.check('proxy', async () => {
    const added = await session.succeed(api.tx.proxy.addProxy(ferdie.address, 'Any', 0), eve)
    const fields = session.fieldsOf(added, 'proxy', 'ProxyAdded')
    assert.equal(fields.delegator.toString(), eve.address)
    assert.equal(fields.delegatee.toString(), ferdie.address)
    const [definitions, deposit] = await api.query.proxy.proxies(eve.address)
    assert.deepEqual(
      definitions.map((one) => [one.delegate.toString(), one.proxyType.type, one.delay.toNumber()]),
      [[ferdie.address, 'Any', 0]],
    )
    assert(deposit.toBigInt() > 0n)

    const before = await session.free(bob)
    const used = await session.succeed(
      api.tx.proxy.proxy(
        eve.address,
        null,
        api.tx.balances.transferKeepAlive(bob.address, session.enough),
      ),
      ferdie,
    )
    assert(session.fieldsOf(used, 'proxy', 'ProxyExecuted').result.isOk)
    assert.equal(session.fieldsOf(used, 'balances', 'Transfer').from.toString(), eve.address)
    assert.equal(await session.free(bob), before + session.enough)

    const failing = await session.succeed(
      api.tx.proxy.proxy(
        eve.address,
        null,
        api.tx.balances.transferKeepAlive(bob.address, 1n << 120n),
      ),
      ferdie,
    )
    assert.equal(
      session.nameOf(session.fieldsOf(failing, 'proxy', 'ProxyExecuted').result.asErr),
      'Token.FundsUnavailable',
    )
  })

  await checks.check('proxy errors', async () => {
    const call = api.tx.system.remark('0x04')
    await session.fail(api.tx.proxy.proxy(eve.address, null, call), alice, 'proxy.NotProxy')
    await session.fail(api.tx.proxy.addProxy(ferdie.address, 'Any', 0), eve, 'proxy.Duplicate')
    await session.fail(api.tx.proxy.addProxy(eve.address, 'Any', 0), eve, 'proxy.NoSelfProxy')
    await session.succeed(api.tx.proxy.removeProxy(ferdie.address, 'Any', 0), eve)
    await session.fail(api.tx.proxy.removeProxy(ferdie.address, 'Any', 0), eve, 'proxy.NotFound')
    assert.equal((await api.query.proxy.proxies(eve.address))[0].length, 0)
  })
}

async function checkPreimage(checks, session) {
  const { api, eve } = session

  await checks.check('preimage', async () => {
    const call = api.tx.system.remark(`0x05${Date.now().toString(16).padStart(12, '0')}`).method
    const noted = await session.succeed(api.tx.preimage.notePreimage(call.toHex()), eve)
    assert.equal(session.fieldsOf(noted, 'preimage', 'Noted').hash.toHex(), call.hash.toHex())
    const status = (await api.query.preimage.requestStatusFor(call.hash)).unwrap()
    assert.equal(status.type, 'Unrequested')
    assert.equal(status.asUnrequested.len.toNumber(), call.encodedLength)
    const stored = (await api.query.preimage.preimageFor([call.hash, call.encodedLength])).unwrap()
    assert.equal(u8aToHex(stored.toU8a(true)), call.toHex())
    await session.fail(api.tx.preimage.notePreimage(call.toHex()), eve, 'preimage.AlreadyNoted')
    const cleared = await session.succeed(api.tx.preimage.unnotePreimage(call.hash), eve)
    assert.equal(session.fieldsOf(cleared, 'preimage', 'Cleared').hash.toHex(), call.hash.toHex())
    await session.fail(api.tx.preimage.unnotePreimage(call.hash), eve, 'preimage.NotNoted')
  })
}

async function checkScheduler(checks, session) {
  const { api, alice } = session

  await checks.check('scheduler', async () => {
    const remark = api.tx.system.remark('0x06')
    const when = (await api.rpc.chain.getHeader()).number.toNumber() + 5
    const name = `0x${when.toString(16).padStart(64, 'a')}`
    const planned = await session.succeed(
      api.tx.sudo.sudo(api.tx.scheduler.scheduleNamed(name, when, null, 63, remark)),
      alice,
    )
    assert(session.fieldsOf(planned, 'sudo', 'Sudid').sudoResult.isOk)
    const scheduled = session.fieldsOf(planned, 'scheduler', 'Scheduled')
    assert.equal(scheduled.when.toNumber(), when)
    const agenda = await api.query.scheduler.agenda(when)
    const item = agenda[scheduled.index.toNumber()].unwrap()
    assert.equal(item.priority.toNumber(), 63)
    assert.equal(item.maybeId.unwrap().toHex(), name)
    assert(item.call.isInline)
    assert.equal(item.call.asInline.toHex(), remark.method.toHex())
    assert.equal((await api.query.scheduler.lookup(name)).unwrap()[0].toNumber(), when)

    while ((await api.rpc.chain.getHeader()).number.toNumber() < when) {
      await new Promise((resolve) => {
        setTimeout(resolve, 200)
      })
    }
    const records = await (
      await api.at(await api.rpc.chain.getBlockHash(when))
    ).query.system.events()
    const dispatched = records.find(
      ({ event }) => event.section === 'scheduler' && event.method === 'Dispatched',
    )
    assert(dispatched, records.map(({ event }) => event.method).join())
    assert(dispatched.phase.isInitialization)
    const [task, id, result] = dispatched.event.data
    assert.deepEqual(
      task.map((part) => part.toNumber()),
      [when, scheduled.index.toNumber()],
    )
    assert.equal(id.unwrap().toHex(), name)
    assert(result.isOk, result.toString())
  })

  await checks.check('scheduler errors', async () => {
    const past = api.tx.scheduler.schedule(1, null, 63, api.tx.system.remark('0x07'))
    const outcome = await session.succeed(api.tx.sudo.sudo(past), alice)
    assert.equal(
      session.nameOf(session.fieldsOf(outcome, 'sudo', 'Sudid').sudoResult.asErr),
      'scheduler.TargetBlockNumberInPast',
    )
    await session.fail(past, alice, 'BadOrigin')
  })
}

async function checkSudo(checks, session) {
  const { api, alice, bob } = session

  await checks.check('sudo', async () => {
    assert.equal((await api.query.sudo.key()).unwrap().toString(), alice.address)
    const before = (await api.query.system.account(bob.address)).data
    const outcome = await session.succeed(
      api.tx.sudo.sudo(api.tx.balances.forceTransfer(bob.address, alice.address, session.enough)),
      alice,
    )
    assert(session.fieldsOf(outcome, 'sudo', 'Sudid').sudoResult.isOk)
    assert.equal(await session.free(bob), before.free.toBigInt() - session.enough)
    const asBob = await session.succeed(
      api.tx.sudo.sudoAs(bob.address, api.tx.system.remarkWithEvent('0x08')),
      alice,
    )
    assert(session.fieldsOf(asBob, 'sudo', 'SudoAsDone').sudoResult.isOk)
    assert.equal(session.fieldsOf(asBob, 'system', 'Remarked').sender.toString(), bob.address)
    await session.fail(api.tx.sudo.sudo(api.tx.system.remark('0x09')), bob, 'sudo.RequireSudo')
  })
}
