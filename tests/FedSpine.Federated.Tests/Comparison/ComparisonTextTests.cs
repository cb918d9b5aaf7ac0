using FedSpine.Federated.Comparison;

namespace FedSpine.Federated.Tests.Comparison;

public sealed class ComparisonTextTests
{
    [Fact]
    public void Accuracies_and_perplexities_have_their_own_units()
    {
        var accuracy = Row("trec", quality: 90.12, deviation: 0.74, perplexity: null, common: 83.24);
        Assert.Equal("90.1 % ± 0.7", ComparisonText.Cells(accuracy)[1]);

        // The quality of a language model is -100 ln of its perplexity, so deviations over seeds are per cent of it.
        var perplexity = Row("stories", quality: -100 * Math.Log(14.3), deviation: 2.48, perplexity: 14.3, common: -100 * Math.Log(19.7));
        Assert.Equal("14.3 ± 2.5 %", ComparisonText.Cells(perplexity)[1]);
        Assert.Equal("14.3", ComparisonText.Cells(perplexity with { Deviation = null })[1]);

        string table = ComparisonText.ToMarkdown(new ComparisonSummary
        {
            First = "fedspine", Variants = ["fedspine"], DataSets = ["trec", "stories"], Seeds = [1, 2], Cells = 4, FinishedCells = 4, WallSeconds = 1,
            Pairs = [], Rows = [accuracy, perplexity], Runs = [],
        });
        Assert.Contains("## trec\nCommon accuracy: 83.2 %.\n", table);
        Assert.Contains("## stories\nCommon perplexity: 19.7.\n", table);
    }

    private static ComparisonRow Row(string data, double quality, double deviation, double? perplexity, double common) => new()
    {
        DataSet = data, Variant = "fedspine", Seeds = 2, Quality = quality, Deviation = deviation, Perplexity = perplexity, Sparsity = 0.5, Common = common,
        SecondsToCommon = 1, BytesToCommon = 1, TimeOverFirst = null, InferenceTimeRatio = 0.5, TrainingMemoryRatio = 0.7, TrainingMemoryPeakRatio = 1, VirtualSeconds = 60,
    };
}
