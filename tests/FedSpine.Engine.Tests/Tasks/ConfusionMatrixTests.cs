using FedSpine.Engine.Tasks;

namespace FedSpine.Engine.Tests.Tasks;

public sealed class ConfusionMatrixTests
{
    /// <summary>Textbook values: TP 90, FN 10, FP 5, TN 95.</summary>
    [Fact]
    public void Two_classes_follow_the_textbook_formulas()
    {
        var m = Of(2, (1, 1, 90), (1, 0, 10), (0, 1, 5), (0, 0, 95));
        Assert.Equal(0.925, m.Accuracy, 12);
        Assert.Equal(2.0 * 90 / (2 * 90 + 5 + 10), m.F1(), 12);
        Assert.Equal((90.0 * 95 - 5 * 10) / Math.Sqrt(95.0 * 100 * 100 * 105), m.MatthewsCorrelation(), 12);
    }

    /// <summary>Gorodkin's R_K as the correlation of one-hot vectors, written out.</summary>
    [Fact]
    public void Three_classes_equal_the_correlation_of_indicator_vectors()
    {
        var random = new DeterministicRandom(3);
        var m = new ConfusionMatrix(3);
        var pairs = Enumerable.Range(0, 200).Select(_ => (Actual: random.NextInt(3), Predicted: random.NextInt(3))).Select(p => random.NextInt(2) == 0 ? p : (p.Actual, p.Actual)).ToList();
        foreach (var (actual, predicted) in pairs)
            m.Add(actual, predicted);
        double Covariance(Func<(int Actual, int Predicted), int> x, Func<(int Actual, int Predicted), int> y) => Enumerable.Range(0, 3).Sum(c =>
        {
            double mx = pairs.Average(p => x(p) == c ? 1.0 : 0), my = pairs.Average(p => y(p) == c ? 1.0 : 0);
            return pairs.Average(p => ((x(p) == c ? 1 : 0) - mx) * ((y(p) == c ? 1 : 0) - my));
        });
        double expected = Covariance(p => p.Actual, p => p.Predicted)
            / Math.Sqrt(Covariance(p => p.Actual, p => p.Actual) * Covariance(p => p.Predicted, p => p.Predicted));
        Assert.Equal(expected, m.MatthewsCorrelation(), 10);
        Assert.Equal(Enumerable.Range(0, 3).Average(m.F1), m.F1(), 12);
    }

    [Fact]
    public void One_predicted_class_correlates_with_nothing()
    {
        var m = Of(2, (0, 0, 7), (1, 0, 3));
        Assert.Equal((0.0, 0.0, 0.7), (m.MatthewsCorrelation(), m.F1(), m.Accuracy));
    }

    private static ConfusionMatrix Of(int classes, params (int Actual, int Predicted, int Count)[] cells)
    {
        var matrix = new ConfusionMatrix(classes);
        foreach (var (actual, predicted, count) in cells)
        {
            for (int i = 0; i < count; i++)
                matrix.Add(actual, predicted);
        }

        return matrix;
    }
}
