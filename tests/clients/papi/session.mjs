// A connection with the development accounts, and the shortest way to a finalized extrinsic.

import assert from 'node:assert/strict'
import { compact } from '@polkadot-api/substrate-bindings'
import { ed25519CreateDerive, sr25519CreateDerive } from '@polkadot-labs/hdkd'
import {
  DEV_PHRASE,
  entropyToMiniSecret,
  mnemonicToEntropy,
  ss58Address,
} from '@polkadot-labs/hdkd-helpers'
import { Enum } from 'polkadot-api'
import { getPolkadotSigner } from 'polkadot-api/signer'

import { readable } from '../checks.mjs'

export class Session {
  constructor(client, { url, legacy, calls }) {
    this.client = client
    this.api = client.getUnsafeApi()
    this.url = url
    this.legacy = legacy
    this.calls = calls
    const seed = entropyToMiniSecret(mnemonicToEntropy(DEV_PHRASE))
    this.sr25519 = (path) => account(sr25519CreateDerive(seed)(path), 'Sr25519')
    for (const name of ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie']) {
      this[name.toLowerCase()] = this.sr25519(`//${name}`)
    }
    this.aliceEd = account(ed25519CreateDerive(seed)('//Alice'), 'Ed25519')
    this.fresh = (path) => this.sr25519(`//papi//${path}//${Date.now()}`)
  }

  async enough() {
    return (await this.api.constants.Balances.ExistentialDeposit()) * 10n
  }

  transfer(to, value) {
    return this.api.tx.Balances.transfer_keep_alive({ dest: Enum('Id', to.address), value })
  }

  /** Signs, submits, waits for the finalized block, and demands success. */
  async succeed(tx, who, options) {
    const outcome = await tx.signAndSubmit(who.signer, options)
    assert(outcome.ok, JSON.stringify(outcome.dispatchError, readable))
    return outcome
  }

  /** As `succeed`, but demands the failure that carries this name. */
  async fail(tx, who, name) {
    const outcome = await tx.signAndSubmit(who.signer)
    assert.equal(outcome.ok, false, `${name} was expected`)
    assert.equal(nameOf(outcome.dispatchError), name)
    return outcome
  }

  async free(who, options = {}) {
    return (await this.api.query.System.Account.getValue(who.address, options)).data.free
  }
}

/** `Pallet.Name` of a module error, `Token.Name` of a token error, or the bare kind. */
export function nameOf({ type, value }) {
  if (type === 'Module') return `${value.type}.${value.value.type}`
  return value?.type ? `${type}.${value.type}` : type
}

/** The fields of the one event of this name. */
export function fieldsOf({ events }, pallet, name) {
  const found = events.filter((event) => event.type === pallet && event.value.type === name)
  assert.equal(found.length, 1, `one ${pallet}.${name} expected among ${namesOf(events)}`)
  return found[0].value.value
}

export function namesOf(events) {
  return events.map((event) => `${event.type}.${event.value.type}`).join(', ')
}

/** The extrinsic without its own length, which PAPI writes again where an interface takes one. */
export function unprefixed(raw) {
  return raw.subarray(compact.enc(compact.dec(raw)).length)
}

function account({ publicKey, sign }, kind) {
  return {
    publicKey,
    sign,
    address: ss58Address(publicKey),
    signer: getPolkadotSigner(publicKey, kind, sign),
  }
}
