using FedSpine.Engine;
using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Tests.Policies;

/// <summary>A synthetic reward over (p, log2 r) with one smooth peak, its noise, and a player who runs a policy on it.</summary>
internal sealed record RewardSurface(string Name, Func<int, (double Ratio, double LogRank)> Peak, double Noise = 0.1)
{
    public static readonly PolicySpace Space = new(TargetRatio: 0.8, RatioStep: 0.01, MinRank: 1, MaxRank: 31, Devices: 1, Rounds: 400);

    public static readonly RewardSurface Interior = new("interior peak", _ => (0.55, 3));

    public static readonly RewardSurface Corner = new("corner peak", _ => (0.05, 0.2));

    /// <summary>The peak crosses the space at a constant speed.</summary>
    public static readonly RewardSurface Drifting = new("drifting peak", t => (0.1 + 0.6 * t / Space.Rounds, 4.5 - 4 * t / Space.Rounds));

    /// <summary>The peak moves as a falling loss moves it: fast at first, then hardly.</summary>
    public static readonly RewardSurface Settling = new("settling peak", t => (0.7 - 0.6 * Math.Exp(-t / 80.0), 0.7 + 3.8 * Math.Exp(-t / 80.0)));

    /// <summary>Expected reward in [0, 1].</summary>
    public double Mean(Arm arm, int t)
    {
        (double ratio, double logRank) = Peak(t);
        double dp = (arm.Ratio - ratio) / Space.TargetRatio, dr = (Math.Log2(arm.Rank) - logRank) / 5;
        return 0.9 - 0.8 * Math.Min(1, Math.Sqrt(dp * dp + dr * dr));
    }

    /// <summary>The best arm that exists: ranks are integers.</summary>
    public double Best(int t)
    {
        double ratio = Peak(t).Ratio;
        return Enumerable.Range(Space.MinRank, Space.MaxRank).Max(rank => Mean(new Arm(ratio, rank), t));
    }

    /// <summary>Regret of every play.</summary>
    public double[] Play(Func<PolicySpace, IPolicy> create, ulong seed)
    {
        IPolicy policy = create(Space);
        var choices = new DeterministicRandom(seed, 1);
        var noise = new DeterministicRandom(seed, 2);
        var regret = new double[Space.Rounds];
        for (int t = 0; t < regret.Length; t++)
        {
            Arm arm = policy.Select(0, 0, t, choices);
            double mean = Mean(arm, t);
            regret[t] = Best(t) - mean;
            (policy as BoxPolicy)?.Learn([(0, arm, Math.Clamp(mean + Noise * noise.NextGaussian(), 0, 1))]);
        }
        return regret;
    }
}
