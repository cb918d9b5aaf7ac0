using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Lora;

public sealed class AdapterTransferTests : IDisposable
{
    private static readonly KeptGroups[] s_keep = [new([0, 2], [0, 2], [1, 2, 9]), new([0], [0], [0, 1, 2, 3, 4, 5, 6])];

    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void A_state_says_where_its_rows_and_columns_sit_in_the_base()
    {
        using var whole = Whole(1);
        using var pruned = ModelSurgery.Prune(whole, s_keep);
        var all = AdapterTransfer.Extract(whole);
        var some = AdapterTransfer.Extract(pruned);
        Assert.All(all.Modules, m => Assert.True(m.Rows is null && m.Columns is null));
        Assert.Equal(all.Modules.Select(m => m.Module), some.Modules.Select(m => m.Module));
        int[] headElements = [0, 1, 2, 3, 8, 9, 10, 11];
        var query = some.Modules.Single(m => m.Module == "roberta.encoder.layer.0.attention.self.query");
        Assert.Equal(headElements, query.Rows);
        Assert.Equal((null, 12, 12, 3, 2f), (query.Columns, query.BaseRows, query.BaseColumns, query.Rank, query.Scale));
        var output = some.Modules.Single(m => m.Module == "roberta.encoder.layer.0.attention.output.dense");
        Assert.Equal(headElements, output.Columns);
        Assert.Equal((null, 12, 12), (output.Rows, output.BaseRows, output.BaseColumns));
        var down = some.Modules.Single(m => m.Module == "roberta.encoder.layer.0.output.dense");
        Assert.Equal([1, 2, 9], down.Columns!);
        Assert.Equal((null, 12, 10), (down.Rows, down.BaseRows, down.BaseColumns));
        Assert.All(some.Modules.Where(m => m.Module.Contains("layer.1.")), m => Assert.True(m.Rows is null && m.Columns is null));

        // The factors are the kept rows of B and columns of A.
        foreach (var (part, full) in some.Modules.Zip(all.Modules))
        {
            for (int i = 0; i < part.B.Length; i++)
                Assert.Equal(full.B[(part.Rows?[i / 3] ?? i / 3) * 3 + i % 3], part.B[i]);
            for (int i = 0; i < part.A.Length; i++)
                Assert.Equal(full.A[i / part.ColumnCount * full.ColumnCount + (part.Columns?[i % part.ColumnCount] ?? i % part.ColumnCount)], part.A[i]);
        }

        Assert.Equal(["classifier.dense.bias", "classifier.dense.weight", "classifier.out_proj.bias", "classifier.out_proj.weight"], some.Head.Keys);
    }

    [Fact]
    public void Loading_brings_the_same_adapter_and_head_and_nothing_else()
    {
        using var first = Whole(1);
        using var second = Whole(2);
        using var from = ModelSurgery.Prune(first, s_keep);
        using var to = ModelSurgery.Prune(second, s_keep);
        AdapterTransfer.Load(to, AdapterTransfer.Extract(from));
        foreach (var parameter in from.Parameters)
            Assert.Equal(parameter.Trainable, _backend.Read(parameter.Value).SequenceEqual(_backend.Read(to.Named(parameter.Name).Value)));
    }

    [Fact]
    public void Another_scale_keeps_the_product()
    {
        using var model = Whole(1);
        var state = AdapterTransfer.Extract(model);
        AdapterTransfer.Load(model, state with { Modules = [.. state.Modules.Select(m => m with { Scale = 2 * m.Scale })] });
        var after = AdapterTransfer.Extract(model);
        Assert.All(state.Modules.Zip(after.Modules), pair =>
        {
            Assert.Equal(pair.First.Scale, pair.Second.Scale);
            Assert.Equal(pair.First.B.Select(b => 2 * b), pair.Second.B);
            Assert.Equal(pair.First.A, pair.Second.A);
        });
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_changes_nothing()
    {
        using var whole = Whole(1);
        using var model = ModelSurgery.Prune(whole, s_keep);
        var before = AdapterTransfer.Extract(model);
        void Refuses(AdapterState state, string expected)
        {
            Assert.Contains(expected, Assert.Throws<InputException>(() => AdapterTransfer.Load(model, state)).Message);
            Assert.Equal(before.Modules.SelectMany(m => m.B), AdapterTransfer.Extract(model).Modules.SelectMany(m => m.B));
        }

        AdapterState Change(Func<AdapterModule, AdapterModule> change) => before with { Modules = [.. before.Modules.Select((m, i) => i == 0 ? change(m) : m with { B = new float[m.B.Length] })] };
        Refuses(AdapterTransfer.Extract(whole), "keeps 12 of 12 rows, the model 8 of 12");
        Refuses(Change(m => m with { Rank = 2 }), "has rank 2, the model's 3");
        Refuses(Change(m => m with { Module = "x" }), "no adapter on x");
        Refuses(Change(m => m with { Rows = [0, 1, 2, 3, 4, 5, 6, 7] }), "keeps 8 of 12 rows, the model 8 of 12, or others");
        Refuses(Change(m => m with { A = [1] }), "has factors of 1 and 24 elements, expected 36 and 24");
        Refuses(before with { Modules = [.. before.Modules.Skip(1)] }, "has 11 modules, the model 12");
        Refuses(before with { Modules = [.. before.Modules.Skip(1), before.Modules[1]] }, "modules");
        Refuses(before with { Head = new Dictionary<string, float[]> { ["score.weight"] = [1] } }, "no head parameter score.weight");
        Refuses(before with { Head = new Dictionary<string, float[]> { ["classifier.dense.bias"] = [1] } }, "classifier.dense.bias has 1 elements, the model's 12");
    }

    private Model Whole(ulong seed) => TinyModels.Random(_backend, TinyModels.Roberta(ModelHead.SequenceClassification), Trainable.Adapter, TinyModels.Lora, seed);
}
