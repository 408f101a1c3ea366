namespace Mazij.Planning;

/// <summary>Least squares with coefficients that are not negative, by coordinate descent: what takes time never saves some.</summary>
internal static class NonNegativeFit
{
    private const int MostSweeps = 20_000;
    private const double Settled = 1e-12;

    /// <summary>The coefficients c >= 0 that make the sum of ((x_i c) / y_i - 1)^2 least: each observation counts by its relative error.</summary>
    /// <param name="rows">x, one row for each observation.</param>
    /// <param name="values">y, all above 0.</param>
    public static double[] Solve(IReadOnlyList<double[]> rows, IReadOnlyList<double> values)
    {
        int count = rows[0].Length;
        double[] coefficients = new double[count], squares = new double[count], residuals = new double[rows.Count];
        double[][] scaled = [.. rows.Select((row, i) => row.Select(x => x / values[i]).ToArray())];
        Array.Fill(residuals, 1);
        for (int k = 0; k < count; k++)
            squares[k] = scaled.Sum(row => row[k] * row[k]);
        for (int sweep = 0; sweep < MostSweeps; sweep++)
        {
            double moved = 0;
            for (int k = 0; k < count; k++)
            {
                // A column of zeros explains nothing; one beyond the range of doubles cannot be weighed.
                if (squares[k] is 0 or double.PositiveInfinity)
                    continue;
                double gradient = 0;
                for (int i = 0; i < residuals.Length; i++)
                    gradient += scaled[i][k] * residuals[i];
                double next = Math.Max(0, coefficients[k] + gradient / squares[k]), change = next - coefficients[k];
                if (change == 0)
                    continue;
                for (int i = 0; i < residuals.Length; i++)
                    residuals[i] -= change * scaled[i][k];
                coefficients[k] = next;
                moved = Math.Max(moved, change * change * squares[k]);
            }
            if (moved < Settled * residuals.Length)
                break;
        }
        return coefficients;
    }
}
