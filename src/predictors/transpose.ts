/** [rows, columns] → [columns, rows], row-major. */
export function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = matrix[r * columns + c]!;
  return result;
}
