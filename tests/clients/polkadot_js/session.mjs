// A connection with the development accounts, and the shortest way to a decided extrinsic.

import assert from 'node:assert/strict'
import { Keyring } from '@polkadot/api'

export class Session {
  constructor(api, url, warnings) {
    this.api = api
    this.url = url
    this.warnings = warnings
    const sr25519 = new Keyring({ type: 'sr25519', ss58Format: api.registry.chainSS58 })
    const ed25519 = new Keyring({ type: 'ed25519', ss58Format: api.registry.chainSS58 })
    for (const name of ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie']) {
      this[name.toLowerCase()] = sr25519.addFromUri(`//${name}`)
    }
    this.aliceEd = ed25519.addFromUri('//Alice')
    this.fresh = (path) => sr25519.addFromUri(`//polkadot_js//${path}//${Date.now()}`)
  }

  /** A transfer large enough to bring an account into being. */
  get enough() {
    return this.api.consts.balances.existentialDeposit.toBigInt() * 10n
  }

  /** Signs, submits and watches; resolves in the block, or in the finalized block. */
  submit(tx, pair, { until = 'InBlock', onStatus, ...options } = {}) {
    return new Promise((resolve, reject) => {
      const statuses = []
      let stop
      tx.signAndSend(pair, options, (result) => {
        statuses.push(result.status.type)
        onStatus?.(result.status.type)
        if (result.isError) reject(new Error(`the extrinsic became ${statuses.join(', ')}`))
        // Where finality follows at once, the library may not show the step before it.
        if (![until, 'Finalized'].includes(result.status.type)) return
        stop?.()
        resolve({
          statuses,
          block: result.status.value.toHex(),
          hash: result.txHash.toHex(),
          index: result.txIndex,
          events: result.events.map(({ event }) => event),
          error: result.dispatchError && this.nameOf(result.dispatchError),
        })
      }).then((unsubscribe) => {
        stop = unsubscribe
      }, reject)
    })
  }

  /** As `submit`, and demands success. */
  async succeed(tx, pair, options) {
    const outcome = await this.submit(tx, pair, options)
    assert.equal(outcome.error, undefined)
    assert(outcome.events.some((event) => event.method === 'ExtrinsicSuccess'))
    return outcome
  }

  /** As `submit`, and demands the failure that carries this name. */
  async fail(tx, pair, name) {
    const outcome = await this.submit(tx, pair)
    assert.equal(outcome.error, name)
    return outcome
  }

  /** `section.Name` of a module error, `Token.Name` of a token error, or the bare kind. */
  nameOf(error) {
    if (error.isModule) {
      const { section, name } = this.api.registry.findMetaError(error.asModule)
      return `${section}.${name}`
    }
    return error.value.type ? `${error.type}.${error.value.type}` : error.type
  }

  /** The fields of the one event of this name, by their names. */
  fieldsOf(outcome, section, method) {
    const found = outcome.events.filter((e) => e.section === section && e.method === method)
    const seen = outcome.events.map((e) => `${e.section}.${e.method}`).join(', ')
    assert.equal(found.length, 1, `one ${section}.${method} expected among ${seen}`)
    // The library writes `hash_` where a field's name is one of its own.
    const names = found[0].data.names.map((name) => name.replace(/_$/, ''))
    return Object.fromEntries(names.map((name, i) => [name, found[0].data[i]]))
  }

  async free(account) {
    return (await this.api.query.system.account(account.address)).data.free.toBigInt()
  }
}
