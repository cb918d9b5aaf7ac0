using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace FedSpine.Bench.Suites;

/// <summary>A rate from the median time of a case; "-" where the workload has none.</summary>
/// <param name="rate">From the workload's name, threads and seconds.</param>
internal sealed class RateColumn(string name, string legend, Func<string, int, double, double> rate) : IColumn
{
    public string Id => $"{nameof(RateColumn)}.{name}";

    public string ColumnName => name;

    public string Legend => legend;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, summary.Style);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        if (summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "-";
        var parameters = benchmarkCase.Parameters;
        double value = rate((string)parameters[nameof(WorkloadBenchmarks.Name)], (int)parameters[nameof(WorkloadBenchmarks.Threads)], statistics.Median / 1e9);
        return value is > 0 and < double.PositiveInfinity ? value.ToString("f1", CultureInfo.InvariantCulture) : "-";
    }
}
