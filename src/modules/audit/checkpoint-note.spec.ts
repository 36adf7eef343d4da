import { generateKeyPairSync, sign } from 'node:crypto';
import { openCheckpoint, readVerifierKey, signCheckpoint, splitNotes, verifierKey } from './checkpoint-note.js';
import { EMPTY_FRONTIER, extend, leafHash, rootHash } from './merkle-log.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const NAME = 'auth.example.com/audit';
const CHECKPOINT = { origin: NAME, size: 3, root: rootHash(extend(EMPTY_FRONTIER, ['a', 'b', 'c'].map(leafHash))) };
const KNOWN = [readVerifierKey(verifierKey(NAME, publicKey))!];
const NOTE = signCheckpoint(CHECKPOINT, NAME, privateKey);

describe('a checkpoint', () => {
  it('is read back by whoever has the verifier key', () => {
    expect(openCheckpoint(NOTE, KNOWN)).toEqual({ ...CHECKPOINT, signedBy: [`${NAME}+${KNOWN[0]!.keyHash}`] });
  });

  it('has the form of a signed note: origin, size, root, an empty line, signatures', () => {
    expect(NOTE).toMatch(/^auth\.example\.com\/audit\n3\n[A-Za-z0-9+/]{43}=\n\n— auth\.example\.com\/audit [A-Za-z0-9+/]+={0,2}\n$/);
  });

  it('is the example of the signed-note specification, read with its key', () => {
    const verifier = readVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')!;
    expect(verifier.name).toBe('PeterNeumann');
    expect(verifierKey('PeterNeumann', verifier.publicKey)).toBe('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  });

  it.each([
    ['another size', NOTE.replace('\n3\n', '\n4\n')],
    ['another root', NOTE.replace(CHECKPOINT.root, leafHash('forged'))],
    ['another origin', NOTE.replace(`${NAME}\n3`, 'evil.example.com/audit\n3')],
    ['a line that was not signed', NOTE.replace('\n\n', '\nextension\n\n')],
    ['no signature', NOTE.slice(0, NOTE.indexOf('—'))],
    ['no last line feed', NOTE.slice(0, -1)],
    ['no empty line', NOTE.replace('\n\n', '\n')],
    ['a signature that is cut short', `${NOTE.slice(0, -20)}\n`],
    ['a size with a sign', NOTE.replace('\n3\n', '\n+3\n')],
    ['a size with a leading zero', NOTE.replace('\n3\n', '\n03\n')],
    ['nothing', ''],
    ['far too much', NOTE.replace('\n\n', `\n${'x'.repeat(20_000)}\n\n`)],
  ])('with %s is none', (_, note) => {
    expect(openCheckpoint(note, KNOWN)).toBeUndefined();
  });

  it('signed by a stranger alone is none, also under the name of a known key', () => {
    expect(openCheckpoint(signCheckpoint(CHECKPOINT, NAME, other.privateKey), KNOWN)).toBeUndefined();
    const [body] = NOTE.split('\n\n') as [string];
    const forged = Buffer.concat([Buffer.from(KNOWN[0]!.keyHash, 'hex'), sign(null, Buffer.from(`${body}\n`), other.privateKey)]);
    expect(openCheckpoint(`${body}\n\n— ${NAME} ${forged.toString('base64')}\n`, KNOWN)).toBeUndefined();
  });

  it('may be signed by strangers as well, such as witnesses', () => {
    const [, signature] = signCheckpoint(CHECKPOINT, 'witness', other.privateKey).split('\n\n') as [string, string];
    expect(openCheckpoint(`${NOTE}${signature}`, KNOWN)).toMatchObject(CHECKPOINT);
  });
});

describe('a verifier key', () => {
  it.each([
    ['another name', verifierKey(NAME, publicKey).replace('auth', 'evil')],
    ['another hash', verifierKey(NAME, publicKey).replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another algorithm', `${NAME}+00000000+${Buffer.concat([Buffer.of(2), Buffer.alloc(32)]).toString('base64')}`],
    ['nothing in it', ''],
  ])('with %s is none', (_, text) => {
    expect(readVerifierKey(text)).toBeUndefined();
  });
});

describe('a file of checkpoints', () => {
  it('is read note by note, past one that was cut short', () => {
    const second = signCheckpoint({ ...CHECKPOINT, size: 4 }, NAME, privateKey);
    expect(splitNotes(`${NOTE}\n${second}\n`)).toEqual([NOTE, second]);
    for (let length = 0; length < second.length; length += 1) {
      const notes = splitNotes(`${NOTE}\n${second.slice(0, length)}\n\n${second}`);
      expect([notes[0], notes.at(-1)]).toEqual([NOTE, second]);
    }
    expect(splitNotes(NOTE + second)).toEqual([NOTE, second]);
    expect(splitNotes('')).toEqual([]);
  });
});
