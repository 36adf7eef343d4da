import { open, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Config } from '../../platform/config/config.js';
import { openCheckpoint, splitNotes, type Checkpoint, type NoteVerifier } from './checkpoint-note.js';

/** More than the longest note, so that the last whole one is in it. */
const TAIL_BYTES = 64 * 1024;

/**
 * Checkpoints outside the database: one file of signed notes, to which each node appends every checkpoint. Put it where whoever
 * may change the database may not write.
 */
@Injectable()
export class CheckpointFile {
  readonly path: string;

  constructor(config: Config) {
    this.path = config.auditCheckpointFile;
  }

  /** The last one in it that these keys have signed; undefined when there is none, or no file. */
  async latest(verifiers: readonly NoteVerifier[]): Promise<Checkpoint | undefined> {
    const notes = splitNotes(await this.tail());
    for (const note of notes.reverse()) {
      const checkpoint = openCheckpoint(note, verifiers);
      if (checkpoint) return checkpoint;
    }
    return undefined;
  }

  /** Resolves when they are on the disk. */
  async append(notes: readonly string[]): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const tail = await this.tail();
    // One that a crash has cut short stays what it is, and does not spoil the next.
    const gap = tail === '' || tail.endsWith('\n') ? '' : '\n\n';
    const file = await open(this.path, 'a', 0o644);
    try {
      await file.appendFile(gap + notes.map((note) => `${note}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Its length; 0 when there is none. */
  async bytes(): Promise<number> {
    return stat(this.path).then(({ size }) => size, (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0;
      throw error;
    });
  }

  private async tail(): Promise<string> {
    const size = await this.bytes();
    if (size === 0) return '';
    const file = await open(this.path, 'r');
    try {
      const start = Math.max(0, size - TAIL_BYTES);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.subarray(0, bytesRead).toString('utf8');
    } finally {
      await file.close();
    }
  }
}
