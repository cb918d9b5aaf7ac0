using System.Text.Json.Nodes;

namespace FedSpine.Federated.Policies;

/// <summary>
/// Bayesian linear regression y = theta x + noise with a prior N(0, sigma^2 / ridge) on theta, in information form:
/// A = ridge I + sum g x x^T, b = sum g y x, theta = A^-1 b, where g discounts older observations. Memory (n^2), n the features.
/// </summary>
internal sealed class LinearModel(int features, double ridge)
{
    private readonly double[] _information = new double[features * features]; // sum g x x^T
    private readonly double[] _moment = new double[features];                 // sum g y x
    private readonly double[] _inverse = new double[features * features];
    private readonly double[] _theta = new double[features];
    private double _weight, _squares; // of the residuals before each observation was learned
    private bool _stale = true;

    /// <summary>Discounted number of observations.</summary>
    public double Weight => _weight;

    /// <summary>sigma^2 from the errors of past predictions; 1 before any.</summary>
    public double Noise => _weight > 0 ? _squares / _weight : 1;

    public void Discount(double factor)
    {
        for (int i = 0; i < _information.Length; i++)
            _information[i] *= factor;
        for (int i = 0; i < features; i++)
            _moment[i] *= factor;
        _weight *= factor;
        _squares *= factor;
        _stale = true;
    }

    /// <summary>One observation. Errors are taken against what was last solved for: a round's observations are judged alike.</summary>
    public void Add(ReadOnlySpan<double> x, double y, double error)
    {
        for (int i = 0; i < features; i++)
        {
            _moment[i] += y * x[i];
            for (int j = 0; j < features; j++)
                _information[i * features + j] += x[i] * x[j];
        }

        _weight += 1;
        _squares += error * error;
        _stale = true;
    }

    public double Predict(ReadOnlySpan<double> x)
    {
        Solve();
        double y = 0;
        for (int i = 0; i < features; i++)
            y += _theta[i] * x[i];
        return y;
    }

    /// <summary>x^T A^-1 x: the posterior variance of theta x over sigma^2.</summary>
    public double Uncertainty(ReadOnlySpan<double> x)
    {
        Solve();
        double sum = 0;
        for (int i = 0; i < features; i++)
        {
            double row = 0;
            for (int j = 0; j < features; j++)
                row += _inverse[i * features + j] * x[j];
            sum += x[i] * row;
        }

        return Math.Max(0, sum);
    }

    public double Coefficient(int i)
    {
        Solve();
        return _theta[i];
    }

    public JsonNode Save() => new JsonArray([.. _information.Concat(_moment).Append(_weight).Append(_squares).Select(v => (JsonNode)v)]);

    public void Restore(JsonNode state, string name)
    {
        double[] values = PolicyState.Numbers(state, name, _information.Length + features + 2);
        values.AsSpan(0, _information.Length).CopyTo(_information);
        values.AsSpan(_information.Length, features).CopyTo(_moment);
        (_weight, _squares) = (values[^2], values[^1]);
        _stale = true;
    }

    /// <summary>A^-1 by Gauss and Jordan: A is symmetric, positive definite and small, so pivots need no search.</summary>
    private void Solve()
    {
        if (!_stale)
            return;
        double[] a = [.. _information];
        Array.Clear(_inverse);
        for (int i = 0; i < features; i++)
        {
            a[i * features + i] += ridge;
            _inverse[i * features + i] = 1;
        }

        for (int p = 0; p < features; p++)
        {
            double pivot = a[p * features + p];
            for (int j = 0; j < features; j++)
            {
                a[p * features + j] /= pivot;
                _inverse[p * features + j] /= pivot;
            }

            for (int i = 0; i < features; i++)
            {
                double factor = i == p ? 0 : a[i * features + p];
                for (int j = 0; factor != 0 && j < features; j++)
                {
                    a[i * features + j] -= factor * a[p * features + j];
                    _inverse[i * features + j] -= factor * _inverse[p * features + j];
                }
            }
        }

        for (int i = 0; i < features; i++)
        {
            _theta[i] = 0;
            for (int j = 0; j < features; j++)
                _theta[i] += _inverse[i * features + j] * _moment[j];
        }

        _stale = false;
    }
}
