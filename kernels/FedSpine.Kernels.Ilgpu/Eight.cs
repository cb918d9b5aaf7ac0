namespace FedSpine.Kernels.Ilgpu;

/// <summary>A value for each of eight rows, in registers; 32 bytes in shared memory.</summary>
internal struct Eight
{
    public float R0, R1, R2, R3, R4, R5, R6, R7;

    public static Eight All(float x) => new() { R0 = x, R1 = x, R2 = x, R3 = x, R4 = x, R5 = x, R6 = x, R7 = x };

    /// <summary>1 for rows first to end - 1, else 0.</summary>
    public static Eight Between(int first, int end) => new()
    {
        R0 = In(0, first, end), R1 = In(1, first, end), R2 = In(2, first, end), R3 = In(3, first, end), R4 = In(4, first, end), R5 = In(5, first, end), R6 = In(6, first, end), R7 = In(7, first, end),
    };

    private static float In(int row, int first, int end) => (row >= first) & (row < end) ? 1 : 0;

    /// <summary>sum + a b.</summary>
    public static Eight Add(Eight sum, float a, Eight b) => new()
    {
        R0 = sum.R0 + a * b.R0, R1 = sum.R1 + a * b.R1, R2 = sum.R2 + a * b.R2, R3 = sum.R3 + a * b.R3, R4 = sum.R4 + a * b.R4, R5 = sum.R5 + a * b.R5, R6 = sum.R6 + a * b.R6, R7 = sum.R7 + a * b.R7,
    };

    public static Eight Plus(Eight a, Eight b) => new() { R0 = a.R0 + b.R0, R1 = a.R1 + b.R1, R2 = a.R2 + b.R2, R3 = a.R3 + b.R3, R4 = a.R4 + b.R4, R5 = a.R5 + b.R5, R6 = a.R6 + b.R6, R7 = a.R7 + b.R7 };

    public static Eight Less(Eight a, Eight b) => new() { R0 = a.R0 - b.R0, R1 = a.R1 - b.R1, R2 = a.R2 - b.R2, R3 = a.R3 - b.R3, R4 = a.R4 - b.R4, R5 = a.R5 - b.R5, R6 = a.R6 - b.R6, R7 = a.R7 - b.R7 };

    public static Eight Times(Eight a, Eight b) => new() { R0 = a.R0 * b.R0, R1 = a.R1 * b.R1, R2 = a.R2 * b.R2, R3 = a.R3 * b.R3, R4 = a.R4 * b.R4, R5 = a.R5 * b.R5, R6 = a.R6 * b.R6, R7 = a.R7 * b.R7 };

    public static Eight Times(float a, Eight b) => new() { R0 = a * b.R0, R1 = a * b.R1, R2 = a * b.R2, R3 = a * b.R3, R4 = a * b.R4, R5 = a * b.R5, R6 = a * b.R6, R7 = a * b.R7 };

    public static Eight Over(Eight a, Eight b) => new() { R0 = a.R0 / b.R0, R1 = a.R1 / b.R1, R2 = a.R2 / b.R2, R3 = a.R3 / b.R3, R4 = a.R4 / b.R4, R5 = a.R5 / b.R5, R6 = a.R6 / b.R6, R7 = a.R7 / b.R7 };

    public static Eight Max(Eight a, Eight b) => new()
    {
        R0 = b.R0 > a.R0 ? b.R0 : a.R0, R1 = b.R1 > a.R1 ? b.R1 : a.R1, R2 = b.R2 > a.R2 ? b.R2 : a.R2, R3 = b.R3 > a.R3 ? b.R3 : a.R3, R4 = b.R4 > a.R4 ? b.R4 : a.R4, R5 = b.R5 > a.R5 ? b.R5 : a.R5, R6 = b.R6 > a.R6 ? b.R6 : a.R6, R7 = b.R7 > a.R7 ? b.R7 : a.R7,
    };

    public static Eight Exp(Eight a) => new()
    {
        R0 = MathF.Exp(a.R0), R1 = MathF.Exp(a.R1), R2 = MathF.Exp(a.R2), R3 = MathF.Exp(a.R3), R4 = MathF.Exp(a.R4), R5 = MathF.Exp(a.R5), R6 = MathF.Exp(a.R6), R7 = MathF.Exp(a.R7),
    };

    public static Eight Log(Eight a) => new()
    {
        R0 = MathF.Log(a.R0), R1 = MathF.Log(a.R1), R2 = MathF.Log(a.R2), R3 = MathF.Log(a.R3), R4 = MathF.Log(a.R4), R5 = MathF.Log(a.R5), R6 = MathF.Log(a.R6), R7 = MathF.Log(a.R7),
    };

    /// <summary>a where <paramref name="wanted"/> is not 0, else b.</summary>
    public static Eight Select(Eight wanted, Eight a, float b) => new()
    {
        R0 = wanted.R0 != 0 ? a.R0 : b, R1 = wanted.R1 != 0 ? a.R1 : b, R2 = wanted.R2 != 0 ? a.R2 : b, R3 = wanted.R3 != 0 ? a.R3 : b, R4 = wanted.R4 != 0 ? a.R4 : b, R5 = wanted.R5 != 0 ? a.R5 : b, R6 = wanted.R6 != 0 ? a.R6 : b, R7 = wanted.R7 != 0 ? a.R7 : b,
    };
}
