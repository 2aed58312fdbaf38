/**
 * The demo of programs as a picture: the night by its stages, what the server saw, the decrypted score on a gauge.
 * @module
 */
import { SCORE_WORDS, scoreWord } from '../programs/show.ts';
import { NOISE_BYTES, type ProgramsReport } from './programs.ts';
import { CELL, COLUMNS, noisePanel, TOP, threePanels, WIDTH } from './svg.ts';

const HEIGHT = (NOISE_BYTES / COLUMNS) * CELL;

/** From lying awake to sleeping deeply, as hypnograms have them. */
const STAGES = [
  { stage: 0, name: 'in bed', fill: '#b9c7bd' },
  { stage: 2, name: 'awake', fill: '#d98e5f' },
  { stage: 5, name: 'REM', fill: '#86a9c4' },
  { stage: 1, name: 'asleep', fill: '#4f8a5b' },
  { stage: 3, name: 'core', fill: '#4f8a5b' },
  { stage: 4, name: 'deep', fill: '#2c4a5e' },
] as const;
const NAMES = 48;
const AXIS = 20;
const HOUR = 60;

type NightRecord = readonly [stage: number, start: number, end: number];

/** Stages from top to bottom, hours from left to right; a thin line leads from each record asleep to the next. */
function hypnogram(records: readonly NightRecord[], left: number): string {
  const rows = STAGES.filter(({ stage }) => records.some((record) => record[0] === stage));
  const end = Math.max(HOUR, ...records.map((record) => record[2]));
  const pitch = (HEIGHT - AXIS) / rows.length;
  const x = (minute: number): string => (left + NAMES + ((WIDTH - NAMES) * minute) / end).toFixed(1);
  const middle = (stage: number): number =>
    TOP + (rows.findIndex((row) => row.stage === stage) + 0.5) * pitch;
  const asleep = records.filter(([stage]) => stage !== 0).toSorted((a, b) => a[1] - b[1]);
  const hours = Array.from({ length: Math.floor(end / HOUR / 2) + 1 }, (_, i) => 2 * i);
  return [
    ...hours.map(
      (hour) =>
        `  <path d="M${x(hour * HOUR)} ${TOP}v${HEIGHT - AXIS}" stroke="#e3e8e4"/>` +
        `<text x="${x(hour * HOUR)}" y="${TOP + HEIGHT - 4}" font-size="11" fill="#555" text-anchor="middle">${hour} h</text>`,
    ),
    ...rows.map(
      ({ stage, name }) =>
        `  <text x="${left}" y="${(middle(stage) + 4).toFixed(1)}" font-size="12">${name}</text>`,
    ),
    `  <path d="${asleep.map(([stage, from, to], i) => `${i === 0 ? 'M' : 'L'}${x(from)} ${middle(stage).toFixed(1)}L${x(to)} ${middle(stage).toFixed(1)}`).join('')}" stroke="#9aa79e" fill="none"/>`,
    ...records.map(([stage, from, to]) => {
      const width = Math.max(1, ((WIDTH - NAMES) * (to - from)) / end).toFixed(1);
      const fill = rows.find((row) => row.stage === stage)?.fill;
      return `  <rect x="${x(from)}" y="${(middle(stage) - 7).toFixed(1)}" width="${width}" height="14" rx="2" fill="${fill}"/>`;
    }),
  ].join('\n');
}

const RADIUS = 92;
const BAND = 30;
/** Degrees between two segments. */
const GAP = 1.5;
const COLOURS = ['#4f8a5b', '#8fae5f', '#d9b95f', '#d98e5f', '#b9504a'] as const;

/** Half a dial of five segments, 1 excellent on the left to 5 very poor on the right; that of the score in colour. */
function gauge(score: number, left: number): string {
  const [centreX, centreY] = [left + WIDTH / 2, TOP + 128];
  const point = (radius: number, degrees: number): string => {
    const angle = (Math.PI * degrees) / 180;
    return `${(centreX - radius * Math.cos(angle)).toFixed(1)} ${(centreY - radius * Math.sin(angle)).toFixed(1)}`;
  };
  const arc = 180 / SCORE_WORDS.length;
  const [outer, inner] = [RADIUS, RADIUS - BAND];
  const segments = SCORE_WORDS.map((_, i) => {
    const [from, to] = [i * arc + GAP, (i + 1) * arc - GAP];
    const fill = i + 1 === score ? COLOURS[i] : '#dfe6e1';
    const [weight, ink] = i + 1 === score ? ['700', '#fff'] : ['400', '#555'];
    const [x, y] = point((outer + inner) / 2, (from + to) / 2)
      .split(' ')
      .map(Number);
    return (
      `  <path d="M${point(outer, from)}A${outer} ${outer} 0 0 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 0 0 ${point(inner, from)}z" fill="${fill}"/>` +
      `<text x="${x}" y="${(y + 5).toFixed(1)}" text-anchor="middle" font-weight="${weight}" fill="${ink}">${i + 1}</text>`
    );
  });
  const needle = point(inner - 6, (score - 0.5) * arc);
  const words = (x: number, text: string): string =>
    `<text x="${x}" y="${centreY + 18}" font-size="11" fill="#555" text-anchor="middle">${text}</text>`;
  return [
    ...segments,
    `  <path d="M${centreX} ${centreY}L${needle}" stroke="#222" stroke-width="3" stroke-linecap="round"/><circle cx="${centreX}" cy="${centreY}" r="5" fill="#222"/>`,
    `  ${words(centreX - RADIUS + BAND / 2, SCORE_WORDS[0])}${words(centreX + RADIUS - BAND / 2, SCORE_WORDS[4])}`,
    `  <text x="${centreX}" y="${centreY + 46}" font-size="20" font-weight="700" text-anchor="middle">${score} ${scoreWord(score)}</text>`,
  ].join('\n');
}

export function programsSvg({ programs, noise }: ProgramsReport): string {
  const night = programs.find(({ program }) => program === 'sleep_quality')!;
  const { records } = night.input as { records: NightRecord[] };
  const score = night.result['score'] as number;
  const label = `A night of ${records.length} records by its stages of sleep; the noise that the server saw of it; and the decrypted score on a gauge from 1, excellent, to 5, very poor: ${score}, ${scoreWord(score)}.`;
  return threePanels(HEIGHT, label, [
    { title: 'The night', draw: (left) => hypnogram(records, left), caption: "on its owner's machine" },
    noisePanel(noise, NOISE_BYTES),
    { title: 'The score, decrypted', draw: (left) => gauge(score, left), caption: "on its owner's machine" },
  ]);
}
