import assert from 'node:assert/strict';
import test from 'node:test';
import { integerCosts } from './costs.ts';
import { INT8, UINT8, UINT16 } from './types.ts';

test('the table has a row for every operation and type, and the counts of the documentation', () => {
  const rows = integerCosts();
  const operations = new Set(rows.map((row) => row.operation));
  assert.equal(rows.length, 3 * operations.size);
  const cost = (operation: string, type: string): number[] => {
    const row = rows.find((candidate) => candidate.operation === operation && candidate.type === type);
    assert.ok(row, `${operation} ${type}`);
    return [row.bootstraps, row.depth];
  };
  assert.deepEqual(cost('add', 'u8'), [4, 4]);
  assert.deepEqual(cost('add', 'u32'), [29, 5]);
  assert.deepEqual(cost('not', 'u16'), [0, 0]);
  assert.deepEqual(cost('select', 'u16'), [8, 1]);
  assert.deepEqual(cost('and, or, xor', 'u32'), [16, 1]);
  assert.deepEqual(cost('shift clear, even', 'u32'), [0, 0]);
});

test('clear operands never cost more, chains never more than trees', () => {
  for (const types of [[UINT8], [UINT16], [INT8]]) {
    const of = (carry: 'chain' | 'parallel', operation: string): number =>
      integerCosts(types, carry).find((row) => row.operation === operation)?.bootstraps ?? Number.NaN;
    for (const operation of ['add', 'sub', 'mul', 'lt, le, gt, ge', 'min or max', 'div and rem']) {
      assert.ok(of('chain', operation) <= of('parallel', operation), operation);
    }
    assert.ok(of('chain', 'add clear') <= of('chain', 'add'));
    assert.ok(of('chain', 'mul clear') <= of('chain', 'mul'));
    assert.ok(of('chain', 'lt clear') <= of('chain', 'lt, le, gt, ge'));
    assert.ok(of('chain', 'equal clear') <= of('chain', 'equal'));
    assert.ok(of('chain', 'div by 10') <= of('chain', 'div and rem'));
  }
});
