/**
 * The 62 features of a profile and of an advertisement's audience: gender, age, language, kids, country, interests, in
 * the order of the public demo's matrix, so that such a matrix can be used as it is.
 * @module
 */
import { field, list, ProgramError, shown } from '../errors.ts';

export const GENDERS = ['female', 'male'] as const;
/** Upper ends of the age groups; the last group has none. */
export const AGE_LIMITS = [12, 19, 45, 60] as const;
export const LANGUAGES = [
  'arabic',
  'english',
  'french',
  'german',
  'hindi',
  'italian',
  'japanese',
  'mandarin',
  'spanish',
  'tamazight',
  'tamil',
] as const;
/** ISO 3166 codes, with the names that a profile may use instead. */
export const COUNTRIES: readonly (readonly [code: string, name: string])[] = [
  ['AE', 'united arab emirates'],
  ['US', 'united states'],
  ['FR', 'france'],
  ['CN', 'china'],
  ['DE', 'germany'],
  ['GB', 'united kingdom'],
  ['JP', 'japan'],
  ['IN', 'india'],
  ['CA', 'canada'],
  ['IT', 'italy'],
  ['DZ', 'algeria'],
  ['AU', 'australia'],
  ['ES', 'spain'],
];
export const INTERESTS = [
  'animals',
  'architecture',
  'art',
  'beauty',
  'books',
  'cars',
  'cooking',
  'dance',
  'fashion',
  'film',
  'finance',
  'gardening',
  'health',
  'history',
  'languages',
  'music',
  'nature',
  'outdoors',
  'parenting',
  'photography',
  'politics',
  'puzzles',
  'robotics',
  'science',
  'sports',
  'technology',
  'theatre',
  'travel',
  'video_games',
  'writers',
] as const;

/** Where each group begins. */
export const GENDER = 0;
export const AGE = GENDER + GENDERS.length;
export const LANGUAGE = AGE + AGE_LIMITS.length + 1;
export const KIDS = LANGUAGE + LANGUAGES.length;
export const COUNTRY = KIDS + 1;
export const INTEREST = COUNTRY + COUNTRIES.length;
export const FEATURES = INTEREST + INTERESTS.length;

const normal = (name: string): string => name.trim().toLowerCase().replaceAll(/[ -]+/g, '_');

/** The place of a name in its group. @throws ProgramError INPUT_INVALID, which lists the names */
function place(value: unknown, argument: string, names: readonly (readonly string[])[]): number {
  const wanted = typeof value === 'string' ? normal(value) : undefined;
  const at = names.findIndex((aliases) => aliases.some((alias) => normal(alias) === wanted));
  if (at < 0) {
    const known = names.map(([first]) => first).join(', ');
    throw new ProgramError(
      'INPUT_INVALID',
      `${argument} is ${shown(value)}; it must be one of ${known}`,
      argument,
    );
  }
  return at;
}

/** The feature of an age in years. @throws ProgramError VALUE_RANGE */
export function ageFeature(age: unknown): number {
  if (typeof age !== 'number' || !(age >= 0 && age <= 150))
    throw new ProgramError('VALUE_RANGE', `age is ${shown(age)}; it must be 0 to 150 years`, 'age');
  const group = AGE_LIMITS.findIndex((limit) => age <= limit);
  return AGE + (group < 0 ? AGE_LIMITS.length : group);
}

const single = (names: readonly string[]): string[][] => names.map((name) => [name]);

const READERS: Record<string, (value: unknown) => number[]> = {
  gender: (value) => [GENDER + place(value, 'gender', single(GENDERS))],
  age: (value) => [ageFeature(value)],
  language: (value) => [LANGUAGE + place(value, 'language', single(LANGUAGES))],
  kids: (value) => {
    if (typeof value === 'boolean') return value ? [KIDS] : [];
    throw new ProgramError('INPUT_INVALID', `kids is ${shown(value)}; it must be true or false`, 'kids');
  },
  country: (value) => [COUNTRY + place(value, 'country', COUNTRIES)],
  interests: (value) => {
    if (Array.isArray(value) && value.length === 0) return [];
    return list(value, 'interests', '["health", "music"]', INTERESTS.length).map(
      (interest) => INTEREST + place(interest, 'interests', single(INTERESTS)),
    );
  },
};

const EXAMPLE =
  '{"profile": {"gender": "female", "age": 35, "language": "english", "country": "FR", "interests": ["health"]}}';

/**
 * The features that a clear input sets, ascending: from {"profile": {...}} whose fields may all be left out, or from
 * {"ones_at": [feature, ...]}.
 * @throws ProgramError INPUT_INVALID, VALUE_RANGE, TOO_MANY_VALUES
 */
export function featuresOf(input: unknown): number[] {
  if (typeof input === 'object' && input !== null && Object.hasOwn(input, 'ones_at')) {
    const ones = list(field(input, 'ones_at', EXAMPLE), 'ones_at', '[0, 4, 8]', FEATURES);
    for (const at of ones)
      if (!Number.isInteger(at) || (at as number) < 0 || (at as number) >= FEATURES)
        throw new ProgramError(
          'VALUE_RANGE',
          `ones_at holds ${shown(at)}; features are the integers 0 to ${FEATURES - 1}`,
          'ones_at',
        );
    return ascending(ones as number[]);
  }
  const profile = field(input, 'profile', EXAMPLE);
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile))
    throw new ProgramError('INPUT_INVALID', `profile is ${shown(profile)}; expected ${EXAMPLE}`, 'profile');
  const ones = Object.entries(profile).flatMap(([name, value]) => {
    if (!Object.hasOwn(READERS, name))
      throw new ProgramError(
        'INPUT_INVALID',
        `a profile has no ${shown(name)}; it may have ${Object.keys(READERS).join(', ')}`,
        'profile',
      );
    return READERS[name](value);
  });
  return ascending(ones);
}

const ascending = (features: number[]): number[] => [...new Set(features)].sort((a, b) => a - b);
