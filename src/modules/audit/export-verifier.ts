import type { SignedCheckpoint } from './checkpoint-note.js';
import { readLine, type ExportHeader } from './export-format.js';
import { RemovedTexts } from './removed-texts.js';
import { EMPTY_FRONTIER, extend, leafHash, nodeHash, rootHash, type Frontier } from './merkle-log.js';

/** What is wrong with an export, or with what it claims to be a part of. */
export interface Finding {
  /** Sequence number of the first event that is bad: changed, missing, out of place or added. */
  readonly firstBad: number;
  /** Where only a later checkpoint shows it: the first bad event is one from `firstBad` to this. */
  readonly lastPossible?: number;
  /** One sentence. */
  readonly reason: string;
}

export interface ExportVerdict {
  readonly finding?: Finding;
  readonly header?: ExportHeader;
  /** How many events were read in full. */
  readonly events: number;
  /** How many events were read as hashes alone: those of others, and those whose texts were not to be kept any longer. */
  readonly hidden: number;
  /** So many events of the log are proven: up to the last checkpoint that fits. */
  readonly provenSize: number;
  readonly checkpoints: number;
}

/**
 * Holds an export against checkpoints that were kept elsewhere, line by line and in constant memory: no database, no network.
 *
 * Every event must be what its hash says, every sequence number must follow the one before, and at the size of each checkpoint the
 * root over everything so far must be the one that was signed. So nothing can be changed, swapped, removed, added or cut off
 * before the last checkpoint, whoever recomputed whichever hashes. Where an export of the whole log has no more than the hash of an
 * event, an event has to tell that its text was let go.
 */
export class ExportVerifier {
  private frontier: Frontier = EMPTY_FRONTIER;
  private header?: ExportHeader;
  private finding?: Finding;
  /** Those still to come, by size. */
  private readonly due: SignedCheckpoint[];
  private provenSize = 0;
  private matched = 0;
  private events = 0;
  private hidden = 0;
  /** Of an export of the whole log. */
  private removed?: RemovedTexts;

  /** @param checkpoints whose signatures were checked */
  constructor(checkpoints: readonly SignedCheckpoint[]) {
    this.due = [...checkpoints].sort((a, b) => a.size - b.size);
    const [fork] = this.due.filter(({ size, root }, at) => this.due[at - 1]?.size === size && this.due[at - 1]?.root !== root);
    if (fork) this.refuse({ firstBad: 0, lastPossible: fork.size - 1, reason: `There are two signed states of the log with ${fork.size} events: it was forked.` });
  }

  /** The next line. Once something is bad, the rest is passed over. */
  add(text: string): void {
    if (this.finding) return;
    const line = readLine(text);
    if (!this.header) {
      if (line?.kind !== 'header') return this.refuse({ firstBad: 0, reason: 'The file does not begin as an export of an audit log.' });
      return this.begin(line.header);
    }
    const next = this.frontier.size;
    if (line === undefined || line.kind === 'header') return this.refuse({ firstBad: next, reason: 'The line is not one of an export.' });
    // The export's own checkpoint proves nothing that whoever made the file could not have claimed: it is there to be kept.
    if (line.kind === 'checkpoint') return;
    if (line.sequence > next) return this.refuse({ firstBad: next, reason: `It is missing: the next one is ${line.sequence}.` });
    if (line.sequence < next) return this.refuse({ firstBad: next, reason: `In its place stands ${line.sequence} again.` });
    if (line.kind === 'event') {
      const hash = leafHash(line.body);
      if (hash !== line.leafHash) return this.refuse({ firstBad: next, reason: 'Its text is not what was hashed.' });
      this.events += 1;
      this.removed?.read(line.body);
      this.frontier = extend(this.frontier, [hash]);
    } else {
      if (next % 2 ** line.level !== 0) return this.refuse({ firstBad: next, reason: 'A hash that stands for several events is not at a place where the tree has one.' });
      this.hidden += 2 ** line.level;
      this.removed?.lack(next, 2 ** line.level);
      this.frontier = withSubtree(this.frontier, line.level, line.hash);
      // Inside of what is hidden nothing can be compared; the checkpoint after it covers it.
      while (this.due[0] && this.due[0].size < this.frontier.size) this.due.shift();
    }
    this.compare();
  }

  /** What is to be said when all lines were read. */
  verdict(): ExportVerdict {
    const { size } = this.frontier;
    if (!this.header) this.refuse({ firstBad: 0, reason: 'The file is empty.' });
    else if (size < this.header.size) this.refuse({ firstBad: size, reason: `It is missing: the export ends here, but is about ${this.header.size} events.` });
    else if (size > this.header.size) this.refuse({ firstBad: this.header.size, reason: 'It was added: the export says that it ends before.' });
    else if (this.due.length > 0) {
      this.refuse({ firstBad: size, reason: `It is missing: the log had ${this.due.at(-1)!.size} events when it was signed, and has ${size} here.` });
    } else if (this.removed?.untold) {
      const { first, last } = this.removed.untold;
      this.refuse({ firstBad: first, lastPossible: last, reason: 'Its text is missing, and the log does not tell that it was let go. (If that happened while the log was being exported, another export tells.)' });
    }
    return { finding: this.finding, header: this.header, events: this.events, hidden: this.hidden, provenSize: this.provenSize, checkpoints: this.matched };
  }

  private begin(header: ExportHeader): void {
    this.header = header;
    if (header.organization_id === null) this.removed = new RemovedTexts(header.first);
    const ones = [...header.first.toString(2)].filter((bit) => bit === '1').length;
    if (header.frontier.length !== ones) return this.refuse({ firstBad: header.first, reason: 'The export does not say what it goes on from.' });
    this.frontier = { size: header.first, hashes: header.frontier };
    const foreign = this.due.find(({ origin }) => origin !== header.origin);
    if (foreign) return this.refuse({ firstBad: header.first, reason: `The checkpoints are those of ${foreign.origin}, the export is one of ${header.origin}.` });
    // Those of before say nothing about what follows.
    while (this.due[0] && this.due[0].size < header.first) this.due.shift();
    this.compare();
  }

  private compare(): void {
    while (this.due[0]?.size === this.frontier.size) {
      const { size, root } = this.due.shift()!;
      if (rootHash(this.frontier) !== root) {
        return this.refuse(size === this.provenSize + 1
          ? { firstBad: this.provenSize, reason: 'It is not the one that was signed.' }
          : { firstBad: this.provenSize, lastPossible: size - 1, reason: `These are not the first ${size} events that were signed.` });
      }
      this.provenSize = size;
      this.matched += 1;
    }
  }

  private refuse(finding: Finding): void {
    this.finding ??= finding;
  }
}

/** The frontier after a perfect subtree of 2^`level` leaves, which begins at a multiple of that. */
function withSubtree({ size, hashes }: Frontier, level: number, hash: string): Frontier {
  const joinedHashes = [...hashes];
  let merged = hash;
  for (let bits = size / 2 ** level; bits % 2 === 1; bits = Math.floor(bits / 2)) merged = nodeHash(joinedHashes.pop()!, merged);
  return { size: size + 2 ** level, hashes: [...joinedHashes, merged] };
}
