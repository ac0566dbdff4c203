// Package load holds the test that nothing is lost: many units, random changes of the model, processes killed at random.
package load
