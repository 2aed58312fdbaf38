/**
 * The catalogue that ships with Velum: invented advertisements, put together from the word lists below in a fixed way.
 * @module
 */
import { type AdCatalogue, type AdInfo, adCatalogueOf } from './catalogue.ts';
import {
  AGE,
  AGE_LIMITS,
  COUNTRIES,
  COUNTRY,
  FEATURES,
  GENDER,
  GENDERS,
  INTEREST,
  INTERESTS,
  KIDS,
  LANGUAGE,
  LANGUAGES,
} from './features.ts';

const PRODUCTS: Record<(typeof INTERESTS)[number], readonly string[]> = {
  animals: ['Quiet collars', 'A sitter for your cat', 'Bird feeders', 'Dog school'],
  architecture: ['Tours of open houses', 'Model kits in wood', 'A drawing table', 'Plans for tiny homes'],
  art: ['Watercolour sets', 'Prints on cotton paper', 'Life drawing on Tuesdays', 'Frames cut to size'],
  beauty: ['Soap from olive oil', 'A barber who listens', 'Sun cream without scent', 'Clay masks'],
  books: ['A book club by post', 'Reading lamps', 'Second-hand first editions', 'Shelves without screws'],
  cars: ['Winter tyres', 'Shared electric cars', 'A charging card', 'Child seats'],
  cooking: ['Carbon steel pans', 'Spices by the season', 'Knife sharpening', 'Bread classes'],
  dance: ['Tango for two left feet', 'Practice shoes', 'Ballet tickets', 'A sprung floor to rent'],
  fashion: ['Mended denim', 'Linen shirts', 'Shoes resoled', 'Wool coats'],
  film: ['A month of old films', 'Open-air cinema', 'Projectors that whisper', 'Script readings'],
  finance: ['A savings plan', 'Tax help in plain words', 'Travel money without fees', 'A pension check'],
  gardening: ['Seeds that suit your soil', 'Rain barrels', 'Balcony tomatoes', 'Pruning shears'],
  health: ['Eye tests', 'Back care at work', 'Sleep advice', 'A walking plan'],
  history: ['Castle weekends', 'Maps of lost streets', 'Family tree research', 'Museum passes'],
  languages: ['Tandem partners', 'Dictionaries', 'Evening classes', 'Flash cards'],
  music: ['Guitar strings', 'Choir for everyone', 'Headphones', 'Piano tuning'],
  nature: ['Binoculars', 'Mushroom walks', 'Nest boxes', 'Star maps'],
  outdoors: ['Light tents', 'Rain jackets', 'Canoe rental', 'Alpine huts'],
  parenting: ['Sturdy prams', 'First aid for small people', 'Bedtime stories', 'Holiday camps'],
  photography: ['Film developed by hand', 'Tripods', 'Portrait workshops', 'Lens cleaning'],
  politics: ['A weekly without headlines', 'Debate evenings', 'Town hall live', 'Letters to parliament'],
  puzzles: ['Wooden jigsaws', 'A crossword a day', 'Escape rooms', 'Chess clocks'],
  robotics: ['Kits that solder easily', 'Robot clubs', 'Servo motors', 'A lawn mower that thinks'],
  science: ['Microscopes', 'Lectures on Sundays', 'Crystal growing', 'Planetarium seats'],
  sports: ['Running shoes', 'Five-a-side leagues', 'Swimming lessons', 'Bike repair'],
  technology: ['Phones that open with screws', 'Private mail', 'Keyboards', 'Solar chargers'],
  theatre: ['Season tickets', 'Improvised comedy', 'Costume hire', 'Stage lights'],
  travel: ['Night trains', 'Rooms with a kitchen', 'Luggage that lasts', 'Ferry passes'],
  video_games: ['Games without ads', 'Pixel art courses', 'Comfortable chairs', 'Retro consoles'],
  writers: ['Notebooks', 'A writing week by the sea', 'Fountain pens', 'Editing for first novels'],
};

const HOOKS = [
  'close to you',
  'for beginners',
  'made to be repaired',
  'at half price in May',
  'without a contract',
  'delivered by bicycle',
  'tried by our readers',
  'for two',
  'from a family workshop',
];
const ADS_A_PRODUCT = 3;

/** Weights as in the public demo: a targeted group counts 10, the mention of children 3, an interest 1 to 5. */
const GROUP_WEIGHT = 10;
const KIDS_WEIGHT = 3;
const MAX_INTEREST_WEIGHT = 5;

/** mulberry32: the same catalogue everywhere. */
function stream(seed: number): (bound: number) => number {
  let s = seed;
  return (bound) => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

/** Languages by country, as indices: an advertisement speaks its readers' language. */
const SPOKEN = [0, 1, 2, 7, 3, 1, 6, 4, 1, 5, 9, 1, 8];

function audience(interest: number, draw: (bound: number) => number): Uint8Array {
  const row = new Uint8Array(FEATURES);
  const gender = draw(4);
  for (let g = 0; g < GENDERS.length; g++) if (gender > 1 || gender === g) row[GENDER + g] = GROUP_WEIGHT;
  const youngest = draw(AGE_LIMITS.length + 1);
  const oldest = Math.min(AGE_LIMITS.length, youngest + 1 + draw(3));
  for (let age = youngest; age <= oldest; age++) row[AGE + age] = GROUP_WEIGHT;
  if (youngest === 0) row[KIDS] = KIDS_WEIGHT;
  const home = draw(COUNTRIES.length);
  row[COUNTRY + home] = GROUP_WEIGHT;
  for (let more = draw(4); more > 0; more--) row[COUNTRY + draw(COUNTRIES.length)] = GROUP_WEIGHT;
  row[LANGUAGE + (draw(3) === 0 ? draw(LANGUAGES.length) : SPOKEN[home])] = GROUP_WEIGHT;
  for (let more = draw(3); more > 0; more--)
    row[INTEREST + draw(INTERESTS.length)] = 1 + draw(MAX_INTEREST_WEIGHT);
  row[INTEREST + interest] = MAX_INTEREST_WEIGHT - draw(2);
  return row;
}

let own: AdCatalogue | undefined;

/** Velum's catalogue: 360 advertisements. */
export function ownCatalogue(): AdCatalogue {
  if (own !== undefined) return own;
  const draw = stream(2026);
  const ads: AdInfo[] = [];
  const rows: Uint8Array[] = [];
  INTERESTS.forEach((name, interest) => {
    for (const product of PRODUCTS[name])
      for (let i = 0; i < ADS_A_PRODUCT; i++) {
        ads.push({ title: `${product} ${HOOKS[ADS_A_PRODUCT * i + draw(ADS_A_PRODUCT)]}` });
        rows.push(audience(interest, draw));
      }
  });
  const weights = new Uint8Array(rows.length * FEATURES);
  rows.forEach((row, i) => {
    weights.set(row, i * FEATURES);
  });
  own = adCatalogueOf(weights, ads);
  return own;
}
