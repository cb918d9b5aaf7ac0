namespace FedSpine.Kernels.Tests.Cases;

/// <summary>
/// The cases of an operator, forward and backward: what tests check on every backend and every vector width, and benchmarks time on
/// a device. No test framework is needed for them.
/// </summary>
public abstract class CaseSuite
{
    /// <summary>Of every operator.</summary>
    public static IReadOnlyList<CaseSuite> All { get; } =
    [
        new FillSuite(), new CopySuite(), new MapSuite(), new DropoutSuite(), new MatMulSuite(), new LinearSuite(), new WeightLinearSuite(), new WeightTableSuite(), new RmsNormSuite(), new LayerNormSuite(), new SoftmaxSuite(), new CrossEntropySuite(), new AttentionSuite(), new AttentionDecodeSuite(), new CacheAppendSuite(), new RopeSuite(), new EmbeddingSuite(), new GatherRowsSuite(), new GatherColumnsSuite(), new AdamWSuite(), new GradientNormSuite(), new TaylorImportanceSuite(), new ColumnMomentsSuite(), new SquareSumsSuite(), new LoraImportanceSuite(),
    ];

    /// <summary>"MatMul".</summary>
    public string Name => GetType().Name[..^"Suite".Length];

    /// <summary>Odd shapes, length 1, aliasing, absent operands.</summary>
    public abstract IEnumerable<OperatorCase> Cases { get; }

    /// <summary>Shapes large enough to be split between threads.</summary>
    public abstract IEnumerable<OperatorCase> LargeCases { get; }

    /// <summary>Backward cases small enough for <see cref="OperatorCase.GradientErrors"/>; none where there is no gradient, or its reference is finite differences.</summary>
    public virtual IEnumerable<OperatorCase> GradientCases => [];

    /// <summary>Lengths around every vector width and its multiples.</summary>
    protected static readonly int[] Lengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129];

    protected static readonly bool[] Both = [false, true];
}
