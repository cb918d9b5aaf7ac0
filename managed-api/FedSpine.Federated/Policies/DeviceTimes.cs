using System.Text.Json.Nodes;

namespace FedSpine.Federated.Policies;

/// <summary>
/// Completion times as linear in the work: T = a FLOPs + b bytes, for each device (or class) by recursive least squares with
/// forgetting over its own observations, drawn towards what the whole fleet's observations say while it has few. How far is
/// learned too: of several strengths, the one that has predicted best so far (devices that differ little, or whose times vary much
/// from round to round, are better taken for one another). In units of the first round's means, so that all are about 1. Five
/// numbers a device.
/// </summary>
internal sealed class DeviceTimes(int owners, double discount)
{
    private const int Numbers = 5; // A11, A12, A22, b1, b2

    /// <summary>Observations' worth of trust in the fleet over a device's own.</summary>
    private static readonly double[] Strengths = [0.01, 0.1, 1, 3, 10, 30, 100, 1000];

    /// <summary>The strength to begin with: 1.</summary>
    private const int Unlearned = 2;

    /// <summary>No device is predicted faster than this share of what the fleet needs: noise may make a coefficient negative.</summary>
    private const double Fastest = 0.05;

    private readonly double[] _own = new double[owners * Numbers];
    private readonly LinearModel _fleet = new(2, 1e-3);
    private readonly double[] _squares = new double[Strengths.Length]; // discounted, of each strength's errors
    private int _best = Unlearned;

    /// <summary>Standard deviation of a time, in units of the first round's mean.</summary>
    public double Noise => Math.Sqrt(_fleet.Noise);

    /// <summary>A round's observations: all are predicted before any is learned.</summary>
    public void Learn(IReadOnlyList<(int Owner, double Flops, double Bytes, double Seconds)> round)
    {
        for (int k = 0; k < Strengths.Length; k++)
        {
            _squares[k] *= discount;
            foreach (var (owner, flops, bytes, seconds) in round)
            {
                double error = seconds - Predict(owner, flops, bytes, Strengths[k]).Seconds;
                _squares[k] += error * error;
            }
        }

        double[] errors = [.. round.Select(o => o.Seconds - Predict(o.Owner, o.Flops, o.Bytes).Seconds)];
        _best = Array.IndexOf(_squares, _squares.Min());
        _fleet.Discount(discount);
        for (int i = 0; i < round.Count; i++)
        {
            var (owner, flops, bytes, seconds) = round[i];
            _fleet.Add([flops, bytes], seconds, errors[i]);
            var own = _own.AsSpan(owner * Numbers, Numbers);
            ReadOnlySpan<double> news = [flops * flops, flops * bytes, bytes * bytes, flops * seconds, bytes * seconds];
            for (int n = 0; n < Numbers; n++)
                own[n] = discount * own[n] + news[n];
        }
    }

    /// <summary>The expected time, and its variance over the noise's.</summary>
    public (double Seconds, double Uncertainty) Predict(int owner, double flops, double bytes) => Predict(owner, flops, bytes, Strengths[_best]);

    /// <summary>theta = theta_fleet + M^-1 (b - A theta_fleet), M = A + strength I; the variance is x^T M^-1 x.</summary>
    private (double Seconds, double Uncertainty) Predict(int owner, double flops, double bytes, double strength)
    {
        double f0 = _fleet.Coefficient(0), f1 = _fleet.Coefficient(1);
        var own = _own.AsSpan(owner * Numbers, Numbers);
        double m11 = own[0] + strength, m12 = own[1], m22 = own[2] + strength, determinant = m11 * m22 - m12 * m12;
        double r1 = own[3] - own[0] * f0 - own[1] * f1, r2 = own[4] - own[1] * f0 - own[2] * f1;
        double t1 = f0 + (m22 * r1 - m12 * r2) / determinant, t2 = f1 + (m11 * r2 - m12 * r1) / determinant;
        double least = Fastest * Math.Max(0, f0 * flops + f1 * bytes);
        double variance = (m22 * flops * flops - 2 * m12 * flops * bytes + m11 * bytes * bytes) / determinant;
        return (Math.Max(least, t1 * flops + t2 * bytes), variance);
    }

    public JsonNode Save() => new JsonObject { ["fleet"] = _fleet.Save(), ["own"] = new JsonArray([.. _own.Select(v => (JsonNode)v)]), ["squares"] = new JsonArray([.. _squares.Select(v => (JsonNode)v)]) };

    public void Restore(JsonNode state)
    {
        _fleet.Restore(PolicyState.Member(state, "fleet"), "times.fleet");
        PolicyState.Numbers(PolicyState.Member(state, "own"), "times.own", _own.Length).CopyTo(_own, 0);
        PolicyState.Numbers(PolicyState.Member(state, "squares"), "times.squares", _squares.Length).CopyTo(_squares, 0);
        _best = _squares.Sum() == 0 ? Unlearned : Array.IndexOf(_squares, _squares.Min());
    }
}
