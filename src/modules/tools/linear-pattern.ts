import { RE2JS } from 're2js';

/** Instructions of all patterns of one schema: making them costs time, too. */
const MOST_INSTRUCTIONS = 5_000;
/** Instructions times characters in one check of arguments: about a fifth of a second at the worst. */
const MOST_STEPS = 8_000_000;

/** A pattern that cannot be used, or text that is more than can be held against the patterns. The message follows "the schema" or "the arguments". */
export class PatternProblem extends Error {}

/**
 * Regular expressions in time that grows with the text alone (RE2), where those of JavaScript may take for ever (ASVS 5.0 V1.3.12),
 * and within a budget for the patterns of one schema and for each check. JSON Schema's patterns are those of ECMA-262; what RE2 does not know –
 * looking ahead or behind, referring back – is refused.
 */
export class LinearPatterns {
  private instructions = 0;
  private steps = 0;

  /** What Ajv calls to make an expression, in the shape that it wants. */
  readonly engine = Object.assign((pattern: string) => this.compile(pattern), { code: 'linear' });

  /** Begins with another check. */
  begin(): void {
    this.steps = 0;
  }

  private compile(pattern: string): { test(text: string): boolean; toString(): string } {
    const expression = expressionOf(pattern);
    const size = expression.programSize();
    this.instructions += size;
    if (this.instructions > MOST_INSTRUCTIONS) throw new PatternProblem('has patterns that take too much work, such as repetitions of repetitions');
    return {
      test: (text) => {
        this.steps += size * text.length;
        if (this.steps > MOST_STEPS) throw new PatternProblem('hold too much text for the patterns of the schema');
        return expression.test(text);
      },
      toString: () => pattern,
    };
  }
}

function expressionOf(pattern: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch (error) {
    const reason = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw new PatternProblem(`has the pattern ${JSON.stringify(pattern.slice(0, 100))}, which cannot be matched in linear time (RE2): ${reason.slice(0, 200)}`);
  }
}
