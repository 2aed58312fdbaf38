/**
 * Apple Health exports as the Health app writes them, made up.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The head of a real export, its DTD shortened. */
export const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary)*)>
<!ATTLIST HealthData locale CDATA #REQUIRED>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record type CDATA #REQUIRED unit CDATA #IMPLIED value CDATA #IMPLIED>
]>
<HealthData locale="fr_FR">
 <ExportDate value="2024-04-01 10:00:00 +0200"/>
 <Me HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>
`;

export const record = (attributes: Record<string, string>): string =>
  ` <Record ${Object.entries(attributes)
    .map(([name, value]) => `${name}="${value}"`)
    .join(' ')}/>\n`;

export const weight = (value: string, startDate: string, unit = 'kg'): string =>
  record({ type: 'HKQuantityTypeIdentifierBodyMass', sourceName: 'Scale', unit, startDate, value });

export const sleep = (value: string, startDate: string, endDate: string, sourceName = 'Watch'): string =>
  record({
    type: 'HKCategoryTypeIdentifierSleepAnalysis',
    sourceName,
    startDate,
    endDate,
    value: `HKCategoryValueSleepAnalysis${value}`,
  });

export const exportXml = (...records: string[]): string => `${HEAD}${records.join('')}</HealthData>\n`;

export async function scratch(): Promise<{ at: (name: string) => string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'velum-health-'));
  return {
    at: (name) => join(directory, name),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
