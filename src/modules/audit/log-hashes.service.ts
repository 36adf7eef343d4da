import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Background } from '../../platform/database/background.js';
import { auditLogIncomplete } from './audit.errors.js';
import { HASH_BYTES, hashesIn, leafHashes } from './leaf-hashes.js';
import { EMPTY_FRONTIER, extend, joined, rootHash, type Frontier } from './merkle-log.js';
import { frontierPlan, type ProofPlan, type Subtree } from './merkle-proof.js';

/** Stored levels are this many levels of the tree apart: 256 hashes make one of the next. */
const STRIDE = 8;
const FANOUT = 2 ** STRIDE;
/** Subtrees made in one batch of the chore: that many times 256 hashes are read. */
const BATCH = 20;
const PAGE = 5000;

type Reader = Pick<EntityManager, 'query'>;

/**
 * The hashes inside the log's Merkle tree. The writer keeps its frontier alone; a chore follows it and keeps the root of every
 * complete subtree of 256, 65 536, … leaves, so that a proof in a log of any length reads a few hundred hashes for each of its nodes.
 */
@Injectable()
export class LogHashes implements OnModuleInit {
  constructor(private readonly dataSource: DataSource, private readonly background: Background) {}

  onModuleInit(): void {
    this.background.every({ name: 'audit subtrees', everySeconds: 2, isDue: isSubtreeComplete, run: (manager) => this.grow(manager) });
  }

  /** Stores the next complete subtrees, a bounded number of them. Two that do so at the same time store the same. @returns whether there are more */
  async grow(manager: EntityManager): Promise<boolean> {
    let isMore = false;
    for (let level = 1; ; level += 1) {
      const made = await this.growLevel(manager, level);
      if (made === 0) return isMore;
      isMore ||= made === BATCH;
    }
  }

  /**
   * The hashes of a proof.
   * @throws DomainError `audit_log_incomplete`
   */
  async ofPlan(plan: ProofPlan, reader: Reader = this.dataSource): Promise<string[]> {
    const hashes: string[] = [];
    for (const node of plan) hashes.push(joined(await this.ofSubtrees(node, reader)));
    return hashes;
  }

  /**
   * What the root was when the log had so many leaves, by what is stored now.
   * @throws DomainError `audit_log_incomplete`
   */
  async rootAt(size: number, reader: Reader = this.dataSource): Promise<string> {
    return rootHash({ size, hashes: await this.ofSubtrees(frontierPlan(size), reader) });
  }

  /** The frontier when the log had so many leaves. @throws DomainError `audit_log_incomplete` */
  async frontierAt(size: number, reader: Reader = this.dataSource): Promise<Frontier> {
    return { size, hashes: await this.ofSubtrees(frontierPlan(size), reader) };
  }

  /** @throws DomainError `audit_log_incomplete` */
  async ofSubtrees(subtrees: readonly Subtree[], reader: Reader = this.dataSource): Promise<string[]> {
    const hashes: string[] = [];
    for (const subtree of subtrees) hashes.push(await this.ofSubtree(subtree, reader));
    return hashes;
  }

  private async ofSubtree({ level, index }: Subtree, reader: Reader): Promise<string> {
    // From the highest stored level down: what the chore has not reached yet is made of what is below.
    for (let stored = Math.floor(level / STRIDE); stored >= 0; stored -= 1) {
      const count = 2 ** (level - stored * STRIDE);
      const hash = await rootOfRange(reader, stored, index * count, count);
      if (hash !== undefined) return hash;
    }
    throw auditLogIncomplete(`hashes of the subtree ${level}/${index} are missing`);
  }

  private async growLevel(manager: EntityManager, level: number): Promise<number> {
    const [{ next }] = await manager.query<[{ next: string }]>('SELECT coalesce(max(index) + 1, 0) AS next FROM audit_subtrees WHERE level = $1', [level]);
    const hashes: { level: number; index: number; hash: string }[] = [];
    for (let index = Number(next); hashes.length < BATCH; index += 1) {
      const hash = await rootOfRange(manager, level - 1, index * FANOUT, FANOUT);
      if (hash === undefined) break;
      hashes.push({ level, index, hash });
    }
    if (hashes.length > 0) {
      await manager.query(
        `INSERT INTO audit_subtrees (level, index, hash) SELECT level, index, decode(hash, 'base64')
         FROM json_to_recordset($1::json) AS made (level integer, index bigint, hash text) ON CONFLICT DO NOTHING`, [JSON.stringify(hashes)]);
    }
    return hashes.length;
  }
}

async function isSubtreeComplete(reader: Reader): Promise<boolean> {
  const [{ isComplete }] = await reader.query<[{ isComplete: boolean }]>(
    `SELECT size >= (SELECT coalesce(max(index) + 2, 1) FROM audit_subtrees WHERE level = 1) * ${FANOUT} AS "isComplete" FROM audit_heads WHERE log = 'main'`);
  return isComplete;
}

/** The root over `count` consecutive hashes of a stored level, 0 being the leaves; undefined unless all are there. */
async function rootOfRange(reader: Reader, level: number, start: number, count: number): Promise<string | undefined> {
  let frontier = EMPTY_FRONTIER;
  while (frontier.size < count) {
    const from = start + frontier.size;
    const wanted = Math.min(PAGE, start + count - from);
    const page = await (level === 0 ? leafHashes(reader, from, from + wanted) : subtreeHashes(reader, level, from, from + wanted));
    if (page.length !== wanted * HASH_BYTES) return undefined;
    frontier = extend(frontier, hashesIn(page));
  }
  return rootHash(frontier);
}

async function subtreeHashes(reader: Reader, level: number, from: number, to: number): Promise<Buffer> {
  const [page] = await reader.query<[{ hashes: Buffer | null }]>(
    `SELECT string_agg(hash, '' ORDER BY index) AS hashes FROM audit_subtrees WHERE level = $3 AND index >= $1 AND index < $2`, [from, to, level]);
  return page.hashes ?? Buffer.alloc(0);
}
