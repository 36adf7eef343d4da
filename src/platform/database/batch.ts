interface Question<Key, Answer> {
  readonly key: Key;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the questions of one turn of the event loop into one round trip.
 * Answers come back in the order of the keys; an error rejects every question of its batch.
 */
export class Batch<Key, Answer> {
  private waiting: Question<Key, Answer>[] = [];

  constructor(private readonly limit: number, private readonly read: (keys: readonly Key[]) => Promise<readonly Answer[]>) {}

  ask(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, resolve, reject });
      if (this.waiting.length === 1) setImmediate(() => { void this.flush(); });
      else if (this.waiting.length >= this.limit) void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting;
    if (batch.length === 0) return;
    this.waiting = [];
    try {
      const answers = await this.read(batch.map(({ key }) => key));
      batch.forEach(({ resolve }, index) => resolve(answers[index]!));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
