import { databaseSuites } from '../test/suites.ts';

databaseSuites(async () => ({}));
