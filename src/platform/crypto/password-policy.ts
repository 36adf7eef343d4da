import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import type { DomainError } from '../../kernel/domain-error.js';
import { weakPassword } from './crypto.errors.js';

/** NIST SP 800-63B section 3.1.1.2 counts code points of the normalised password. */
const SHORTEST = 8;
const LONGEST = 256;
/**
 * Guesses an informed attacker needs. zxcvbn values eight random characters at exactly this, so that any password which is
 * not made of known words, names, dates, sequences or keyboard walks passes at eight.
 */
const FEWEST_GUESSES = 1e8;
/**
 * The estimator blocks the process for seconds on 256 hostile characters. It sees this many from either end and tries this many
 * ways to undo "p4ssw0rd", which keeps the worst case near 20 milliseconds.
 */
const WINDOW = 24;
const MOST_SUBSTITUTIONS = 10;
const MOST_PERSONAL_WORDS = 20;
const PRODUCT_WORDS = ['legate'];
/** So many letters and digits must be left of a password when all that is known of the person is taken out. */
const FEWEST_IMPERSONAL = 6;
const TOO_LONG = `A password may have at most ${LONGEST} characters.`;
const PERSONAL = 'A password should not be made of your name, your e-mail address or the name of this service.';

let estimator: Promise<ZxcvbnFactory> | undefined;

/**
 * Judges a password that a person chooses: 8 to 256 characters, nothing that is common or about them, and no rules about
 * which characters it is made of (NIST SP 800-63B section 3.1.1.2, OWASP ASVS 5.0 section 6.2).
 *
 * @param about what an attacker knows of the person: e-mail, name, organization
 * @returns undefined when it is good, otherwise DomainError `weak_password` with a sentence that says what to do
 */
export async function judgePassword(password: string, about: readonly (string | null | undefined)[] = []): Promise<DomainError | undefined> {
  // Normalising joins several code units into one character, but never so many: what is longer is not worth the work.
  if (password.length > 16 * LONGEST) return weakPassword(TOO_LONG);
  const characters = [...password.normalize('NFKC')];
  if (characters.length < SHORTEST) return weakPassword(`A password needs at least ${SHORTEST} characters.`);
  if (characters.length > LONGEST) return weakPassword(TOO_LONG);

  const words = [...personalWords(about), ...PRODUCT_WORDS];
  if (isPersonal(characters.join(''), words)) return weakPassword(PERSONAL);

  estimator ??= loadEstimator();
  const zxcvbn = await estimator;
  const judge = (window: string[]) => zxcvbn.check(window.join(''), words);
  let verdict = judge(characters.slice(0, WINDOW));
  if (verdict.guesses < FEWEST_GUESSES && characters.length > WINDOW) verdict = judge(characters.slice(-WINDOW));
  if (verdict.guesses >= FEWEST_GUESSES) return undefined;
  const { warning, suggestions } = verdict.feedback;
  const reason = warning ?? 'This password is easy to guess.';
  return weakPassword(`${reason} ${suggestions[0] ?? 'Use several words that do not belong together.'}`);
}

/**
 * Loads the word lists at the first use: they cost some 50 MB that a server which only serves machines never needs. The lists are
 * breached passwords and first names; surnames and the dictionary of English would take three times the memory and time to
 * lower estimates that are above the threshold anyway.
 */
async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [core, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'), import('@zxcvbn-ts/language-common'), import('@zxcvbn-ts/language-en'),
  ]);
  const { 'commonWords-en': _words, 'lastnames-en': _surnames, 'wikipedia-en': _titles, ...small } = english.dictionary;
  return new core.ZxcvbnFactory({
    dictionary: { 'passwords-common': common.dictionary['passwords-common'], ...small },
    graphs: common.adjacencyGraphs,
    l33tMaxSubstitutions: MOST_SUBSTITUTIONS,
    translations: { ...english.translations, warnings: { ...english.translations.warnings, userInputs: PERSONAL } },
  });
}

/** "alice.smith2024" of alice.smith@example.com: the estimator counts each change of word as hard to guess, which here it is not. */
function isPersonal(password: string, words: readonly string[]): boolean {
  let rest = password.toLowerCase();
  for (const word of [...words].sort((one, other) => other.length - one.length)) rest = rest.replaceAll(word.toLowerCase(), ' ');
  return rest !== password.toLowerCase() && rest.replace(/[^\p{L}\p{N}]/gu, '').length < FEWEST_IMPERSONAL;
}

/** The texts and their parts: "alice.smith@example.com" is guessed as "alice", "smith" and "example" too. */
function personalWords(about: readonly (string | null | undefined)[]): string[] {
  const words = new Set<string>();
  for (const text of about) {
    if (!text) continue;
    for (const word of [text, ...text.split(/[^\p{L}\p{N}]+/u)]) if (word.length >= 3) words.add(word.normalize('NFKC').slice(0, 64));
  }
  return [...words].slice(0, MOST_PERSONAL_WORDS);
}
