namespace FedSpine.Engine.Tasks;

/// <summary>How often each class was taken for each other, and what follows from it.</summary>
public sealed class ConfusionMatrix(int classes)
{
    private readonly long[,] _counts = new long[classes, classes]; // [true class, predicted class]

    /// <summary>Examples of class <paramref name="actual"/> that were taken for <paramref name="predicted"/>.</summary>
    public long this[int actual, int predicted] => _counts[actual, predicted];

    public int Classes { get; } = classes;

    public long Count { get; private set; }

    public void Add(int actual, int predicted)
    {
        _counts[actual, predicted]++;
        Count++;
    }

    /// <summary>Share of examples that were right.</summary>
    public double Accuracy
    {
        get
        {
            long right = 0;
            for (int c = 0; c < Classes; c++)
                right += _counts[c, c];
            return (double)right / Count;
        }
    }

    /// <summary>F1 of one class: 2 TP / (2 TP + FP + FN); 0 where it neither occurs nor is predicted.</summary>
    public double F1(int label)
    {
        double both = RowSum(label) + ColumnSum(label);
        return both == 0 ? 0 : 2 * _counts[label, label] / both;
    }

    /// <summary>GLUE's F1: of class 1 where there are two classes, else the mean over the classes (macro).</summary>
    public double F1() => Classes == 2 ? F1(1) : Enumerable.Range(0, Classes).Average(F1);

    /// <summary>
    /// Matthews correlation, for any number of classes (Gorodkin, Comput. Biol. Chem. 28, 2004): 1 perfect, 0 no better than chance;
    /// 0 where all examples or all predictions are of one class.
    /// </summary>
    public double MatthewsCorrelation()
    {
        double right = 0, product = 0, rows = 0, columns = 0;
        for (int c = 0; c < Classes; c++)
        {
            double row = RowSum(c), column = ColumnSum(c);
            right += _counts[c, c];
            product += row * column;
            rows += row * row;
            columns += column * column;
        }

        double n = Count, scale = Math.Sqrt((n * n - rows) * (n * n - columns));
        return scale == 0 ? 0 : (right * n - product) / scale;
    }

    private double RowSum(int label)
    {
        double sum = 0;
        for (int c = 0; c < Classes; c++)
            sum += _counts[label, c];
        return sum;
    }

    private double ColumnSum(int label)
    {
        double sum = 0;
        for (int c = 0; c < Classes; c++)
            sum += _counts[c, label];
        return sum;
    }
}
