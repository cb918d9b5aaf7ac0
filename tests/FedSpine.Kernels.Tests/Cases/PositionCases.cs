using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Rotary embedding by complex multiplication; the table holds more positions than T.</summary>
public sealed record RopeCase(int B, int T, int H, int D, bool Inverse = false) : OperatorCase
{
    public override Operator Operator => Operator.Rope;

    public override Action Prepare(Sandbox sandbox)
    {
        int half = D / 2;
        var values = TestData.Uniform(B * T * H * D, 1);
        var angles = Array.ConvertAll(TestData.Uniform((T + 2) * half, 2), v => 3 * v);
        var table = new float[(T + 2) * D];
        var expected = values.ToDouble();
        for (int t = 0; t < T + 2; t++)
        {
            for (int i = 0; i < half; i++)
                (table[t * D + i], table[t * D + half + i]) = (MathF.Cos(angles[t * half + i]), MathF.Sin(angles[t * half + i]));
        }

        for (int head = 0; head < B * T * H; head++)
        {
            int t = head / H % T;
            for (int i = 0; i < half; i++)
            {
                var z = new System.Numerics.Complex(values[head * D + i], values[head * D + half + i]);
                var w = new System.Numerics.Complex(table[t * D + i], table[t * D + half + i]);
                var r = z * (Inverse ? System.Numerics.Complex.Conjugate(w) : w);
                (expected[head * D + i], expected[head * D + half + i]) = (r.Real, r.Imaginary);
            }
        }

        var x = sandbox.Output("x", expected, values, 1e-6);
        var spanTable = sandbox.Input("table", table);
        return () => sandbox.Backend.Rope(x, spanTable, B, T, H, D, Inverse);
    }
}

public sealed record EmbeddingForwardCase(int Rows, int D, int V, bool Accumulate = false, WeightType Type = WeightType.F32) : OperatorCase
{
    public override Operator Operator => Operator.Embedding;

    public override WeightType Stored => Type;

    public override Action Prepare(Sandbox sandbox)
    {
        float[] table = WeightReference.Stored(TestData.Uniform(V * D, 1), Type, D), before = TestData.Uniform(Rows * D, 2);
        var ids = TestData.Indices(Rows, V, 3);
        var rows = table.ToDouble();
        double[] expected = [.. ids.SelectMany(id => rows.Row(id, D))];
        var y = Accumulate ? sandbox.Output("y", expected.Plus(before.ToDouble()), before, 1e-6) : sandbox.Output("y", expected, tolerance: 0);
        var spanIds = sandbox.Integers(ids);
        var spanTable = sandbox.Weight("table", TestData.Uniform(V * D, 1), Type, D);
        return () => sandbox.Backend.EmbeddingForward(y, spanIds, spanTable, Rows, D, Accumulate);
    }
}

/// <summary>More rows than ids: ids repeat.</summary>
public sealed record EmbeddingBackwardCase(int Rows, int D, int V) : OperatorCase
{
    public override Operator Operator => Operator.Embedding;

    public override Action Prepare(Sandbox sandbox)
    {
        float[] before = TestData.Uniform(V * D, 1), dy = TestData.Uniform(Rows * D, 2);
        var ids = TestData.Indices(Rows, V, 3);
        var expected = before.ToDouble();
        for (int r = 0; r < Rows; r++)
        {
            for (int d = 0; d < D; d++)
                expected[ids[r] * D + d] += dy[r * D + d];
        }

        var dtable = sandbox.Output("dtable", expected, before, 3e-6);
        var spanIds = sandbox.Integers(ids);
        var spanDy = sandbox.Input("dy", dy);
        return () => sandbox.Backend.EmbeddingBackward(dtable, spanIds, spanDy, Rows, D);
    }
}

public sealed record GatherRowsCase(int Rows, int D, int V) : OperatorCase
{
    public override Operator Operator => Operator.GatherRows;

    public override Action Prepare(Sandbox sandbox)
    {
        var x = TestData.Uniform(V * D, 1);
        var indices = TestData.Indices(Rows, V, 2);
        var rows = x.ToDouble();
        var y = sandbox.Output("y", [.. indices.SelectMany(i => rows.Row(i, D))], tolerance: 0);
        var spanX = sandbox.Input("x", x);
        var spanIndices = sandbox.Integers(indices);
        return () => sandbox.Backend.GatherRows(y, spanX, spanIndices, D);
    }
}

public sealed record GatherColumnsCase(int M, int D, int Columns) : OperatorCase
{
    public override Operator Operator => Operator.GatherColumns;

    public override Action Prepare(Sandbox sandbox)
    {
        var x = TestData.Uniform(M * D, 1);
        var indices = TestData.Indices(Columns, D, 2);
        var y = sandbox.Output("y", RowMajor.Map(x.ToDouble(), D, (row, _) => [.. indices.Select(i => row[i])]), tolerance: 0);
        var spanX = sandbox.Input("x", x);
        var spanIndices = sandbox.Integers(indices);
        return () => sandbox.Backend.GatherColumns(y, spanX, spanIndices, M, D);
    }
}
