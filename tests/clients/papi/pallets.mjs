// The pallets beyond the core: each call, event, error and item must be shown under its own name.

import assert from 'node:assert/strict'
import { createKeyMulti, encodeAddress } from '@polkadot/util-crypto'
import { blake2AsHex } from '@polkadot/util-crypto'
import { Enum } from 'polkadot-api'

import { readable } from '../checks.mjs'
import { fieldsOf, nameOf, namesOf } from './session.mjs'

const ascii = (text) => new TextEncoder().encode(text)
const id = ({ address }) => Enum('Id', address)

export async function checkPallets(checks, session) {
  await checkUtility(checks, session)
  await checkAssets(checks, session)
  await checkMultisig(checks, session)
  await checkProxy(checks, session)
  await checkPreimage(checks, session)
  await checkSudoAndScheduler(checks, session)
}

async function checkUtility(checks, session) {
  const { api, bob, dave } = session
  const enough = await session.enough()
  const good = () => session.transfer(bob, enough).decodedCall
  const bad = () =>
    api.tx.Balances.transfer_allow_death({ dest: id(bob), value: 1n << 120n }).decodedCall

  await checks.check('utility.batch', async () => {
    const before = await session.free(bob)
    const whole = await session.succeed(api.tx.Utility.batch({ calls: [good(), good()] }), dave)
    fieldsOf(whole, 'Utility', 'BatchCompleted')
    assert.equal(await session.free(bob), before + 2n * enough)
    const cut = await session.succeed(
      api.tx.Utility.batch({ calls: [good(), bad(), good()] }),
      dave,
    )
    const { index, error } = fieldsOf(cut, 'Utility', 'BatchInterrupted')
    assert.deepEqual([index, nameOf(error)], [1, 'Token.FundsUnavailable'])
  })

  await checks.check('utility.batch_all', async () => {
    const before = await session.free(bob)
    await session.fail(
      api.tx.Utility.batch_all({ calls: [good(), bad()] }),
      dave,
      'Token.FundsUnavailable',
    )
    const unknown = api.tx.Assets.destroy_accounts({ id: 4_000_000_000 }).decodedCall
    await session.fail(
      api.tx.Utility.batch_all({ calls: [good(), unknown] }),
      dave,
      'Assets.Unknown',
    )
    assert.equal(await session.free(bob), before)
  })

  await checks.check('utility.force_batch', async () => {
    const outcome = await session.succeed(
      api.tx.Utility.force_batch({ calls: [bad(), good()] }),
      dave,
    )
    assert.equal(nameOf(fieldsOf(outcome, 'Utility', 'ItemFailed').error), 'Token.FundsUnavailable')
    fieldsOf(outcome, 'Utility', 'BatchCompletedWithErrors')
  })
}

async function checkAssets(checks, session) {
  const { api, bob, dave } = session
  const asset = 2_000_000 + (Date.now() % 1_000_000)

  await checks.check('assets', async () => {
    const created = await session.succeed(
      api.tx.Assets.create({ id: asset, admin: id(dave), min_balance: 10n }),
      dave,
    )
    assert.deepEqual(fieldsOf(created, 'Assets', 'Created'), {
      asset_id: asset,
      creator: dave.address,
      owner: dave.address,
    })
    const issued = await session.succeed(
      api.tx.Utility.batch_all({
        calls: [
          api.tx.Assets.set_metadata({
            id: asset,
            name: ascii('Commune voucher'),
            symbol: ascii('VCH'),
            decimals: 4,
          }),
          api.tx.Assets.mint({ id: asset, beneficiary: id(dave), amount: 1_000_000n }),
          api.tx.Assets.transfer_keep_alive({ id: asset, target: id(bob), amount: 1_234n }),
        ].map((tx) => tx.decodedCall),
      }),
      dave,
    )
    assert.equal(fieldsOf(issued, 'Assets', 'Transferred').amount, 1_234n)
  })

  await checks.check('assets storage', async () => {
    const details = await api.query.Assets.Asset.getValue(asset)
    assert.deepEqual(
      [details.supply, details.owner, details.accounts, details.status.type],
      [1_000_000n, dave.address, 2, 'Live'],
    )
    const { name, decimals } = await api.query.Assets.Metadata.getValue(asset)
    assert.deepEqual([new TextDecoder().decode(name), decimals], ['Commune voucher', 4])
    const holders = await api.query.Assets.Account.getEntries(asset)
    const balances = Object.fromEntries(
      holders.map(({ keyArgs, value }) => [keyArgs[1], value.balance]),
    )
    assert.deepEqual(balances, { [bob.address]: 1_234n, [dave.address]: 998_766n })
    assert.equal(await api.query.Assets.Asset.getValue(4_000_000_000), undefined)
  })

  await checks.check('assets errors', async () => {
    await session.fail(
      api.tx.Assets.transfer({ id: asset, target: id(bob), amount: 1n << 100n }),
      dave,
      'Assets.BalanceLow',
    )
    await session.fail(
      api.tx.Assets.mint({ id: asset, beneficiary: id(bob), amount: 1n }),
      bob,
      'Assets.NoPermission',
    )
  })
}

async function checkMultisig(checks, session) {
  const { api, alice, bob, charlie, dave } = session
  const enough = await session.enough()
  const threshold = 2
  const members = [bob, charlie, dave]
  const others = (who) =>
    members
      .filter((one) => one !== who)
      .sort((a, b) => Buffer.compare(a.publicKey, b.publicKey))
      .map((one) => one.address)
  const address = encodeAddress(
    createKeyMulti(
      members.map((one) => one.address),
      threshold,
    ),
  )

  await checks.check('multisig', async () => {
    await session.succeed(session.transfer({ address }, enough * 100n), alice)
    const call = session.transfer(alice, enough)
    const hash = blake2AsHex(await call.getEncodedData())
    const weight = (await call.getPaymentInfo(bob.address)).weight
    const propose = (who, when) =>
      api.tx.Multisig.as_multi({
        threshold,
        other_signatories: others(who),
        maybe_timepoint: when,
        call: call.decodedCall,
        max_weight: weight,
      })
    const started = await session.succeed(propose(bob, undefined), bob)
    assert.deepEqual(fieldsOf(started, 'Multisig', 'NewMultisig'), {
      approving: bob.address,
      multisig: address,
      call_hash: hash,
    })
    const pending = await api.query.Multisig.Multisigs.getValue(address, hash)
    assert.deepEqual([pending.depositor, pending.approvals], [bob.address, [bob.address]])
    await session.fail(propose(charlie, undefined), charlie, 'Multisig.NoTimepoint')
    const done = await session.succeed(propose(charlie, pending.when), charlie)
    const { result } = fieldsOf(done, 'Multisig', 'MultisigExecuted')
    assert(result.success, JSON.stringify(result, readable))
    assert.equal(
      (await api.query.Multisig.Multisigs.getEntries(address)).filter(
        ({ keyArgs }) => keyArgs[1] === hash,
      ).length,
      0,
    )
  })
}

async function checkProxy(checks, session) {
  const { api, alice, bob, eve, ferdie } = session
  const enough = await session.enough()
  const definition = { delegate: id(ferdie), proxy_type: Enum('Any'), delay: 0 }

  await checks.check('proxy', async () => {
    const added = await session.succeed(api.tx.Proxy.add_proxy(definition), eve)
    const { delegator, delegatee, proxy_type: kind } = fieldsOf(added, 'Proxy', 'ProxyAdded')
    assert.deepEqual([delegator, delegatee, kind.type], [eve.address, ferdie.address, 'Any'])
    const [definitions, deposit] = await api.query.Proxy.Proxies.getValue(eve.address)
    assert.deepEqual(
      definitions.map(({ delegate, delay }) => [delegate, delay]),
      [[ferdie.address, 0]],
    )
    assert(deposit > 0n)
    const call = session.transfer(bob, enough).decodedCall
    const used = await session.succeed(
      api.tx.Proxy.proxy({ real: id(eve), force_proxy_type: undefined, call }),
      ferdie,
    )
    assert(fieldsOf(used, 'Proxy', 'ProxyExecuted').result.success)
    assert.equal(fieldsOf(used, 'Balances', 'Transfer').from, eve.address)
    await session.fail(
      api.tx.Proxy.proxy({ real: id(eve), force_proxy_type: undefined, call }),
      alice,
      'Proxy.NotProxy',
    )
    await session.succeed(api.tx.Proxy.remove_proxy(definition), eve)
    await session.fail(api.tx.Proxy.remove_proxy(definition), eve, 'Proxy.NotFound')
  })
}

async function checkPreimage(checks, session) {
  const { api, eve } = session

  await checks.check('preimage', async () => {
    const bytes = await api.tx.System.remark({
      remark: ascii(`papi ${Date.now()}`),
    }).getEncodedData()
    const hash = blake2AsHex(bytes)
    const noted = await session.succeed(api.tx.Preimage.note_preimage({ bytes }), eve)
    assert.equal(fieldsOf(noted, 'Preimage', 'Noted').hash, hash)
    const status = await api.query.Preimage.RequestStatusFor.getValue(hash)
    assert.deepEqual([status.type, status.value.len], ['Unrequested', bytes.length])
    const stored = await api.query.Preimage.PreimageFor.getValue([hash, bytes.length])
    assert.equal(blake2AsHex(stored), hash)
    await session.fail(api.tx.Preimage.note_preimage({ bytes }), eve, 'Preimage.AlreadyNoted')
    await session.succeed(api.tx.Preimage.unnote_preimage({ hash }), eve)
  })
}

async function checkSudoAndScheduler(checks, session) {
  const { api, client, alice, bob } = session

  await checks.check('scheduler', async () => {
    const remark = api.tx.System.remark({ remark: ascii('planned') })
    const when = (await client.getBestBlocks())[0].number + 6
    const plan = api.tx.Scheduler.schedule({
      when,
      maybe_periodic: undefined,
      priority: 63,
      call: remark.decodedCall,
    })
    const planned = await session.succeed(api.tx.Sudo.sudo({ call: plan.decodedCall }), alice)
    const { result } = { result: fieldsOf(planned, 'Sudo', 'Sudid').sudo_result }
    assert(result.success, JSON.stringify(result, readable))
    const { index } = fieldsOf(planned, 'Scheduler', 'Scheduled')
    const agenda = await api.query.Scheduler.Agenda.getValue(when)
    assert.equal(agenda[index].priority, 63)
    assert.equal(agenda[index].call.type, 'Inline')
    const block = await new Promise((resolve) => {
      const subscription = client.finalizedBlock$.subscribe((seen) => {
        if (seen.number !== when) return
        resolve(seen)
        queueMicrotask(() => subscription.unsubscribe())
      })
    })
    const events = await api.query.System.Events.getValue({ at: block.hash })
    const dispatched = events.find(
      ({ event }) => event.type === 'Scheduler' && event.value.type === 'Dispatched',
    )
    assert(dispatched, namesOf(events.map(({ event }) => event)))
    assert.deepEqual(dispatched.event.value.value.task, [when, index])
    assert(dispatched.event.value.value.result.success)
    assert.equal(dispatched.phase.type, 'Initialization')
  })

  await checks.check('sudo', async () => {
    assert.equal(await api.query.Sudo.Key.getValue(), alice.address)
    const call = api.tx.System.remark({ remark: ascii('root') }).decodedCall
    assert(
      fieldsOf(await session.succeed(api.tx.Sudo.sudo({ call }), alice), 'Sudo', 'Sudid')
        .sudo_result.success,
    )
    const past = api.tx.Scheduler.schedule({
      when: 1,
      maybe_periodic: undefined,
      priority: 63,
      call,
    }).decodedCall
    const outcome = await session.succeed(api.tx.Sudo.sudo({ call: past }), alice)
    assert.equal(
      nameOf(fieldsOf(outcome, 'Sudo', 'Sudid').sudo_result.value),
      'Scheduler.TargetBlockNumberInPast',
    )
    await session.fail(api.tx.Sudo.sudo({ call }), bob, 'Sudo.RequireSudo')
  })
}
