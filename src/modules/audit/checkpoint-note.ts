import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** The state of a log that was signed: so many events, with this root. */
export interface Checkpoint {
  /** Names the log. */
  readonly origin: string;
  readonly size: number;
  /** Base64 SHA-256. */
  readonly root: string;
}

/** Whoever can check a signature under a checkpoint. */
export interface NoteVerifier {
  readonly name: string;
  /** 8 hexadecimal digits: what a signature names its key by. */
  readonly keyHash: string;
  readonly publicKey: KeyObject;
}

export interface SignedCheckpoint extends Checkpoint {
  /** `name+keyHash` of each known key whose signature is right. */
  readonly signedBy: readonly string[];
}

/** Ed25519 in the signed notes of C2SP. */
const ALGORITHM = Buffer.of(1);
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const LONGEST_NOTE = 16_384;
const MOST_SIGNATURES = 16;
const SIGNATURE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/;
const NOTES = /^[^\n—][^\n]*\n\d{1,16}\n[A-Za-z0-9+/]{43}=\n(?:[^\n]+\n)*\n(?:— [^\n]+\n)+/gm;
const BODY = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)$/;

/**
 * A checkpoint as a signed note: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note.
 *
 * @param name of the key: no white space and no plus sign
 */
export function signCheckpoint({ origin, size, root }: Checkpoint, name: string, privateKey: KeyObject): string {
  const body = `${origin}\n${size}\n${root}\n`;
  const signature = sign(null, Buffer.from(body), privateKey);
  const keyHash = Buffer.from(keyHashOf(name, rawPublicKey(createPublicKey(privateKey))), 'hex');
  return `${body}\n— ${name} ${Buffer.concat([keyHash, signature]).toString('base64')}\n`;
}

/** What everybody who checks the log keeps: `name+hash+key`, the verifier key of C2SP signed notes. */
export function verifierKey(name: string, publicKey: KeyObject): string {
  const raw = rawPublicKey(publicKey);
  return `${name}+${keyHashOf(name, raw)}+${Buffer.concat([ALGORITHM, raw]).toString('base64')}`;
}

/** @returns undefined for what is no verifier key of an Ed25519 key */
export function readVerifierKey(text: string): NoteVerifier | undefined {
  const [, name, keyHash, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (name === undefined || keyHash === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ALGORITHM[0] || keyHashOf(name, bytes.subarray(1)) !== keyHash) return undefined;
  return { name, keyHash, publicKey: createPublicKey({ key: Buffer.concat([ED25519_SPKI, bytes.subarray(1)]), format: 'der', type: 'spki' }) };
}

/**
 * Reads a note, and checks the signatures of the keys that are known. A signature of a known key that is wrong spoils the note,
 * others are passed over.
 *
 * @returns undefined for what is no checkpoint, or is not signed by any of these keys
 */
export function openCheckpoint(note: string, verifiers: readonly NoteVerifier[]): SignedCheckpoint | undefined {
  if (note.length > LONGEST_NOTE) return undefined;
  const end = note.indexOf('\n\n');
  const body = note.slice(0, end + 1);
  const [, origin, size, root] = BODY.exec(body) ?? [];
  const lines = note.slice(end + 2).split('\n');
  if (end < 0 || origin === undefined || lines.pop() !== '' || lines.length === 0 || lines.length > MOST_SIGNATURES) return undefined;
  const signedBy: string[] = [];
  for (const line of lines) {
    const [, name, encoded] = SIGNATURE.exec(line) ?? [];
    if (name === undefined) return undefined;
    const bytes = Buffer.from(encoded!, 'base64');
    const keyHash = bytes.subarray(0, 4).toString('hex');
    const verifier = verifiers.find((known) => known.name === name && known.keyHash === keyHash);
    if (!verifier) continue;
    if (!verify(null, Buffer.from(body), verifier.publicKey, bytes.subarray(4))) return undefined;
    signedBy.push(`${name}+${keyHash}`);
  }
  return signedBy.length === 0 ? undefined : { origin, size: Number(size), root: root!, signedBy };
}

/** The notes in a file to which one after the other was appended. What else is in it, such as one that a crash has cut short, is passed over. */
export function splitNotes(text: string): string[] {
  return [...text.matchAll(NOTES)].map(([note]) => note);
}

function keyHashOf(name: string, raw: Buffer): string {
  return createHash('sha256').update(`${name}\n`).update(ALGORITHM).update(raw).digest('hex').slice(0, 8);
}

function rawPublicKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(ED25519_SPKI.length);
}
